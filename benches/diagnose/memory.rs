//! Peak memory of a process that reads a dump and diagnoses it, against the size of the dump.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;

use kubewright::diagnose::diagnose;
use kubewright::observe::{DumpLimits, DumpRequest, read_dump};
use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;

use crate::cluster::{NOW, Shape, each_object};

/// The argument with which this program calls itself.
pub(crate) const ONE: &str = "memory-of";

/// Prints a row for each size.
pub(crate) fn table(sizes: &[usize]) {
    println!("| pods | dump, MB | peak, MB | peak of dump | evidence | causes |\n|---|---|---|---|---|---|");
    for pods in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = write(folder.path(), *pods);
        let own = std::env::current_exe().expect("a path of this program");
        let told = Command::new(own).arg(ONE).arg(folder.path()).output().expect("this program runs");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let mut figures = told.split_whitespace();
        let peak: u64 = figures.next().and_then(|figure| figure.parse().ok()).expect("a number of bytes");
        let rest: Vec<&str> = figures.collect();
        let share = ratio(peak, bytes);
        println!(
            "| {pods} | {:.1} | {:.1} | {share:.2} | {} |",
            ratio(bytes, 1 << 20),
            ratio(peak, 1 << 20),
            rest.join(" | ")
        );
    }
}

/// Reads one dump, diagnoses it, and prints by how many bytes the memory of this process grew at its peak.
pub(crate) fn one(folder: &Path) {
    // Whatever is compiled once and kept (regular expressions) is no part of a dump's cost.
    drop(diagnose(&crate::cluster::snapshot(100, Shape::AllCrashing), &[]));
    let before = status("VmRSS:");
    fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
    let request = DumpRequest { cluster: "bench".to_owned(), namespace: None, workload: None, now: NOW };
    let snapshot = read_dump(folder, &request, &DumpLimits::default()).expect("the dump can be read");
    let diagnosis = diagnose(&snapshot, &[]);
    let peak = status("VmHWM:").saturating_sub(before);
    println!("{peak} {} {}", diagnosis.evidence.len(), diagnosis.hypotheses.len());
}

/// A line of the process's status, bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux with /proc");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
    let kilobytes = line.trim().trim_end_matches("kB").trim();
    kilobytes.parse::<u64>().expect("a number of kilobytes") * 1024
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(left: u64, right: u64) -> f64 {
    left as f64 / right as f64
}

/// Writes the lists as kubectl does, indented by four; returns how many bytes.
fn write(folder: &Path, pods: usize) -> u64 {
    let mut files = std::collections::BTreeMap::new();
    each_object(pods, Shape::MostlyHealthy, &mut |plural, object| {
        let (file, first) = files.entry(plural).or_insert_with(|| {
            let mut file =
                BufWriter::new(File::create(folder.join(format!("{plural}.json"))).expect("a file"));
            file.write_all(b"{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n").expect("room");
            (file, true)
        });
        if !std::mem::take(first) {
            file.write_all(b",\n").expect("room");
        }
        let indented = PrettyFormatter::with_indent(b"    ");
        object.serialize(&mut serde_json::Serializer::with_formatter(file, indented)).expect("room");
    });
    for (mut file, _) in files.into_values() {
        file.write_all(b"]}\n").and_then(|()| file.flush()).expect("room");
    }
    let files = fs::read_dir(folder).expect("the folder").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

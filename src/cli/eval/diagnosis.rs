//! `kubewright eval diagnosis`: how often the diagnosis is right, on cases whose causes are known.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::super::output::{Format, heading, print, render, table};
use super::super::rules;
use super::super::text::line;
use crate::cases::{
    Calibration, Evaluation, LabelledScore, ObjectScore, PredictionLine, Report, Row, evaluate_by,
};
use crate::diagnose::RuleBook;

/// Most wrong pairs shown.
const CONFUSIONS: usize = 30;

/// Which cases, in which words.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright eval diagnosis --cases cases
  kubewright eval diagnosis --cases cases --labels labels.json --out predictions.jsonl
  kubewright eval diagnosis --cases cases -o json
  kubewright eval diagnosis --cases examples/rules/cases --rules examples/rules

A case is a folder with `dump/` (or dump.tar.gz) and `truth.json`: either {\"root_cause\", \"fault_object\"} in the words of a
vocabulary, or {\"root_causes\": [{\"kind\", \"namespace\", \"name\"}]}, empty for a healthy cluster. `kubewright incidents export`
writes one. A label file says what our causes mean in a vocabulary (labels/*.toml in the sources show how); a vocabulary
{\"rootCauses\": [{\"root_cause\", \"target\"}]} picks the built-in one that knows most of it. A@1: the first prediction is right;
A@3: one of the first three is; macro A@1: the mean over root causes.")]
pub struct DiagnosisArgs {
    /// The folder of the cases
    #[arg(long, value_name = "DIR")]
    cases: PathBuf,
    /// A label file, a vocabulary, or the name of built-in labels (cloud-opsbench) [default: what fits the cases]
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write the predictions here, one JSON line a case
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A folder of rule files beside the built-in rules
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// Evaluates and prints.
pub(super) async fn run(args: DiagnosisArgs, format: Format) -> anyhow::Result<()> {
    let (rules, problems) = rules::read(args.rules.clone()).await?;
    rules::warn(&problems);
    let report = spawn_blocking(move || report(args, &rules)).await??;
    print(&render(format, &report, show)?)
}

fn report(args: DiagnosisArgs, rules: &RuleBook) -> anyhow::Result<Report> {
    let mut out = args.out.as_ref().map(|path| {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        anyhow::Ok(BufWriter::new(file))
    });
    let mut out = out.take().transpose()?;
    let mut failed = None;
    let evaluation = Evaluation { cases: args.cases, labels: args.labels, now: Timestamp::now() };
    let report = evaluate_by(rules, &evaluation, |_, predictions| {
        if let (Some(file), None) = (&mut out, &failed) {
            failed = write(file, predictions).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error).context("the predictions could not be written");
    }
    if let Some(file) = &mut out {
        file.flush().context("the predictions could not be written")?;
    }
    Ok(report)
}

fn write(file: &mut impl std::io::Write, predictions: &PredictionLine) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, predictions)?;
    file.write_all(b"\n")
}

fn show(report: &Report) -> String {
    let headings = ["", "CASE", "TRUTH", "PREDICTIONS"];
    let mut shown = table(headings, report.rows.iter().map(row));
    shown += &report.labelled.as_ref().map(labelled).unwrap_or_default();
    shown += &report.objects.as_ref().map(objects).unwrap_or_default();
    shown += &calibration(&report.calibration);
    let labels =
        report.labels.as_deref().map(|name| format!(", in the words of {}", line(name))).unwrap_or_default();
    shown
        + &format!(
            "\n{} cases{labels}: read {:.1} ms and diagnosed {:.1} ms a case, {:.1} cases/s\n",
            report.cases, report.read_ms, report.diagnose_ms, report.cases_per_second
        )
}

fn row(row: &Row) -> [String; 4] {
    let mark = if row.outcome.first {
        "ok"
    } else if row.outcome.complete {
        "later"
    } else {
        "NO"
    };
    let said = row.predictions.iter().map(|prediction| {
        let sure = (prediction.confidence * 100.0).round();
        format!("{sure} % {} at {}", prediction.root_cause, prediction.fault_object)
    });
    let said: Vec<String> = row.error.iter().cloned().chain(said).collect();
    let nothing = |texts: &[String]| if texts.is_empty() { "nothing".to_owned() } else { texts.join("; ") };
    [mark.to_owned(), row.case.clone(), nothing(&row.truth), nothing(&said)]
}

fn labelled(score: &LabelledScore) -> String {
    let mut shown = format!(
        "\n{}  A@1 {:.3}   A@3 {:.3}   macro A@1 {:.3}   root cause alone {:.3}   object alone {:.3}\n\n",
        heading("By root cause"),
        score.a1,
        score.a3,
        score.macro_a1,
        score.cause,
        score.object
    );
    let rows = score.by_cause.iter().map(|(cause, of)| {
        [
            cause.clone(),
            of.cases.to_string(),
            format!("{:.2}", of.a1),
            format!("{:.2}", of.a3),
            format!("{:.2}", of.cause),
        ]
    });
    shown += &table(["ROOT CAUSE", "CASES", "A@1", "A@3", "CAUSE ALONE"], rows);
    if !score.confusions.is_empty() {
        let wrong = score.confusions.iter().take(CONFUSIONS);
        let rows = wrong.map(|pair| [pair.cases.to_string(), pair.truth.clone(), pair.predicted.clone()]);
        shown += &format!("\n{}", table(["CASES", "TRUTH", "TAKEN FOR"], rows));
    }
    shown
}

fn objects(score: &ObjectScore) -> String {
    format!(
        "\n{}  first right {}/{}   complete {}/{}   symptom taken for cause {}   false alarms {}/{} healthy\n",
        heading("By object"),
        score.first,
        score.cases,
        score.complete,
        score.cases,
        score.symptom_as_cause,
        score.false_alarms,
        score.healthy
    )
}

fn calibration(calibration: &Calibration) -> String {
    let rows = calibration.bins.iter().map(|bin| {
        [
            format!("{:.1} to {:.1}", bin.from, bin.to),
            bin.count.to_string(),
            format!("{:.2}", bin.confidence),
            format!("{:.2}", bin.right),
        ]
    });
    let shown = table(["CONFIDENCE", "CASES", "MEAN", "RIGHT"], rows);
    format!(
        "\n{}{shown}  expected calibration error {:.3}\n",
        heading("Calibration"),
        calibration.expected_error
    )
}

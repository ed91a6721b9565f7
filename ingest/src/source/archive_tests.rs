//! What is read from archives, and that made-up ones do no harm.

use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{EntryType, Header};
use tempfile::{TempDir, tempdir};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::reading::{Brought, read};
use super::{Location, Place, SourceError, SourceSpec};
use crate::Limits;

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// One tar entry whose name is written as it is, whatever it is.
fn tar_entry(tar: &mut tar::Builder<Vec<u8>>, name: &str, kind: EntryType, bytes: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(1_700_000_000);
    header.set_cksum();
    tar.append(&header, bytes).unwrap();
}

fn tarred(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        tar_entry(&mut tar, name, *kind, bytes);
    }
    tar.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn kept(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("archive");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

async fn read_bytes(bytes: &[u8], limits: &Limits) -> Brought {
    let (_folder, path) = kept(bytes);
    let brought =
        read(&SourceSpec::new("archive", Location::Archive(Place::Local(path.clone()))), limits).await;
    let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is written beside the archive");
    brought
}

#[tokio::test]
async fn zip_and_tar_bring_their_files_and_their_hash_as_version() {
    let zip = zipped(&[("a/one.md", b"one"), ("./two.md", b"two"), (".hidden/x.md", b"x")]);
    let regular = EntryType::Regular;
    let tar = tarred(&[
        ("a/", EntryType::Directory, b""),
        ("a/one.md", regular, b"one"),
        ("two.md", regular, b"two"),
    ]);
    for bytes in [zip, gzipped(&tar), tar] {
        let brought = read_bytes(&bytes, &Limits::default()).await;
        assert_eq!(brought.paths(), ["a/one.md", "two.md"], "{}", brought.error());
        assert_eq!(brought.documents()[0].bytes, b"one");
        assert!(brought.documents()[0].uri.ends_with("archive!a/one.md"));
        assert_eq!(brought.end.unwrap().version.unwrap().len(), 64);
    }
}

#[tokio::test]
async fn long_tar_names_are_read_in_both_dialects() {
    let long = format!("{}/deep.md", "folder/".repeat(20));
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(3);
    header.set_cksum();
    tar.append_data(&mut header, &long, &b"gnu"[..]).unwrap();
    let pax = format!("path={long}.pax.md\n");
    let record = format!("{} {pax}", pax.len() + 4);
    assert_eq!(record.len(), pax.len() + 4);
    tar_entry(&mut tar, "pax", EntryType::XHeader, record.as_bytes());
    tar_entry(&mut tar, "short", EntryType::Regular, b"pax");
    let brought = read_bytes(&tar.into_inner().unwrap(), &Limits::default()).await;
    let clean = long.replace("//", "/");
    assert_eq!(brought.paths(), [clean.clone(), format!("{clean}.pax.md")], "{}", brought.error());
}

#[tokio::test]
async fn names_that_lead_out_are_refused_by_name() {
    let names = ["../../etc/passwd", "/etc/passwd", "C:/x.md", "a\\..\\x.md"];
    let tar: Vec<_> = names.iter().map(|name| (*name, EntryType::Regular, &b"x"[..])).collect();
    let zip: Vec<_> = names.iter().map(|name| (*name, &b"x"[..])).collect();
    for bytes in [tarred(&tar), zipped(&zip)] {
        let brought = read_bytes(&bytes, &Limits::default()).await;
        assert_eq!(brought.paths(), [] as [&str; 0]);
        assert_eq!(brought.refusals().len(), names.len(), "{:#?}", brought.refusals());
        assert!(brought.refusals()[0].contains("passwd"));
        assert!(brought.end.is_ok());
    }
}

#[tokio::test]
async fn links_devices_nested_archives_and_repeated_names_are_refused() {
    let regular = EntryType::Regular;
    let nested = zipped(&[("a.md", b"a")]);
    let tar = tarred(&[
        ("link", EntryType::Symlink, b""),
        ("hard", EntryType::Link, b""),
        ("device", EntryType::Block, b""),
        ("pipe", EntryType::Fifo, b""),
        ("sparse", EntryType::GNUSparse, b""),
        ("in.zip", regular, b"x"),
        ("hidden-zip.md", regular, &nested),
        ("one.md", regular, b"first"),
        ("./one.md", regular, b"second"),
    ]);
    let brought = read_bytes(&tar, &Limits::default()).await;
    assert_eq!(brought.paths(), ["one.md"], "{}", brought.error());
    assert_eq!(brought.documents()[0].bytes, b"first");
    assert_eq!(brought.refusals().len(), 8, "{:#?}", brought.refusals());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("link.md", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let brought = read_bytes(&zip.finish().unwrap().into_inner(), &Limits::default()).await;
    assert!(brought.refusals()[0].contains("link"), "{:#?}", brought.refusals());
}

#[tokio::test]
async fn bombs_are_stopped_while_they_unpack() {
    let zeros = vec![0_u8; 8 << 20];
    let limits = Limits { archive_bytes: 64 << 20, ..Limits::default() };
    let brought = read_bytes(&zipped(&[("bomb.txt", &zeros), ("good.md", b"good")]), &limits).await;
    assert_eq!(brought.paths(), ["good.md"]);
    assert!(brought.refusals()[0].contains("grows more than 200 times"), "{:#?}", brought.refusals());

    let tar = tarred(&[("bomb.txt", EntryType::Regular, &zeros)]);
    let brought = read_bytes(&gzipped(&tar), &limits).await;
    assert!(brought.paths().is_empty());
    assert!(
        brought.refusals().join("").contains("grows more than")
            || brought.error().contains("grows more than")
    );
    assert!(matches!(brought.end, Err(SourceError::Archive { .. })));

    let patient = Limits { archive_ratio: 1_000_000, archive_bytes: 5 << 20, ..limits };
    let brought = read_bytes(&zipped(&[("bomb.txt", &zeros)]), &patient).await;
    assert!(brought.error().contains("unpacks to more than 5 MiB"), "{}", brought.error());
    let small = Limits { document_bytes: 1 << 10, ..patient };
    let brought = read_bytes(&zipped(&[("large.md", &[b'x'; 4000]), ("ok.md", b"ok")]), &small).await;
    assert_eq!((brought.paths(), brought.refusals().len()), (vec!["ok.md"], 1));
}

#[tokio::test]
async fn a_hidden_bomb_counts_though_nobody_wants_it() {
    let tar = tarred(&[(".hidden.txt", EntryType::Regular, &vec![0_u8; 8 << 20])]);
    let brought = read_bytes(&gzipped(&tar), &Limits::default()).await;
    assert!(brought.error().contains("grows more than"), "{}", brought.error());
}

#[tokio::test]
async fn a_header_that_lies_about_the_size_changes_nothing() {
    let mut zip = zipped(&[("bomb.txt", &vec![0_u8; 8 << 20])]);
    let claimed = (8_u32 << 20).to_le_bytes();
    while let Some(at) = zip.windows(4).position(|window| window == claimed) {
        zip[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let brought = read_bytes(&zip, &Limits::default()).await;
    assert!(brought.paths().is_empty());
    assert!(!brought.refusals().is_empty() || brought.end.is_err());
}

#[tokio::test]
async fn entries_that_overlap_are_refused_with_the_archive() {
    let mut zip = zipped(&[("a.md", b"same"), ("b.md", b"same")]);
    let directory = zip.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    zip[directory + 42..directory + 46].copy_from_slice(&0_u32.to_le_bytes());
    let brought = read_bytes(&zip, &Limits::default()).await;
    assert!(matches!(brought.end, Err(SourceError::Archive { .. })), "{:?}", brought.found);
    assert!(brought.paths().is_empty());
}

#[tokio::test]
async fn encrypted_entries_are_refused() {
    let mut zip = zipped(&[("a.md", b"secret")]);
    zip[6] |= 1;
    let directory = zip.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    zip[directory + 8] |= 1;
    let brought = read_bytes(&zip, &Limits::default()).await;
    assert!(brought.refusals()[0].contains("is encrypted"), "{:#?}", brought.refusals());
}

#[tokio::test]
async fn broken_archives_are_errors_or_refusals() {
    let regular = EntryType::Regular;
    let tar = tarred(&[("a.md", regular, &[b'x'; 2000])]);
    let zip = zipped(&[("a.md", &[b'x'; 2000])]);
    for bytes in
        [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"just text", &zip[..zip.len() - 30], &gzipped(&tar)[..40]]
    {
        let brought = read_bytes(bytes, &Limits::default()).await;
        assert!(matches!(brought.end, Err(SourceError::Archive { .. })), "{:?}", brought.end);
        assert!(brought.paths().is_empty());
    }
    let brought = read_bytes(&tar[..1024], &Limits::default()).await;
    assert!(brought.paths().is_empty(), "half a document is none");
}

#[tokio::test]
async fn an_archive_that_is_a_sparse_giant_is_refused_unread() {
    let (_folder, path) = kept(b"");
    fs::File::create(&path).unwrap().set_len(200 << 20).unwrap();
    let limits = Limits { archive_bytes: 100 << 20, ..Limits::default() };
    let brought = read(&SourceSpec::new("giant", Location::Archive(Place::Local(path))), &limits).await;
    assert!(brought.error().contains("is larger than 100 MiB"), "{}", brought.error());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_archives_never_panic(kind in 0..3, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let tar = tarred(&[("a.md", EntryType::Regular, b"one"), ("b.md", EntryType::GNULongName, b"name")]);
        let mut bytes = match kind {
            0 => zipped(&[("a.md", b"one"), ("b/c.md", b"two two two two two two")]),
            1 => gzipped(&tar),
            _ => tar,
        };
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let brought = runtime.block_on(read_bytes(&bytes, &Limits::default()));
        prop_assert!(!matches!(brought.end, Err(SourceError::Broken { .. })), "{}", brought.error());
    }
}

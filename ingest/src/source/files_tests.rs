//! What is read from folders, files, globs and standard input, and what is left alone.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::tempdir;
use tokio::sync::mpsc;

use super::files::read_stream;
use super::outlet::Outlet;
use super::reading::read;
use super::{Known, Location, SourceError, SourceSpec};
use crate::{Found, Limits};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn folder(root: &Path) -> SourceSpec {
    SourceSpec::new("folder", Location::Folder(root.to_owned()))
}

#[tokio::test]
async fn a_folder_is_read_in_the_order_of_names_without_hidden_and_ignored_files() {
    let root = tempdir().unwrap();
    for path in ["b.md", "a/z.md", "a/b.md", ".hidden.md", ".git/config", "build/x.md", "c.txt", "old/d.md"] {
        write(root.path(), path, path);
    }
    write(root.path(), ".gitignore", "build/\n");
    let mut spec = folder(root.path());
    spec.exclude = vec!["old/**".into()];
    let brought = read(&spec, &Limits::default()).await;
    assert_eq!(brought.paths(), ["a/b.md", "a/z.md", "b.md", "c.txt"]);
    assert_eq!(brought.end.as_ref().unwrap().version, None);
    let first = brought.documents()[0];
    assert_eq!(first.bytes, b"a/b.md");
    assert_eq!(first.uri, root.path().join("a/b.md").display().to_string());
    assert!(first.modified.is_some());
    spec.include = vec!["*.md".into()];
    assert_eq!(read(&spec, &Limits::default()).await.paths(), ["b.md"]);
}

#[tokio::test]
async fn links_are_followed_inside_the_folder_and_never_out_of_it() {
    let (root, outside) = (tempdir().unwrap(), tempdir().unwrap());
    write(outside.path(), "secret.md", "secret");
    // As a mounted ConfigMap looks.
    write(root.path(), "..2026/mounted.md", "mounted");
    symlink("..2026", root.path().join("..data")).unwrap();
    symlink("..data/mounted.md", root.path().join("mounted.md")).unwrap();
    symlink(outside.path(), root.path().join("folder-out")).unwrap();
    symlink(outside.path().join("secret.md"), root.path().join("file-out.md")).unwrap();
    symlink("/no/such/file", root.path().join("nowhere.md")).unwrap();
    symlink(root.path(), root.path().join("loop")).unwrap();
    let brought = read(&folder(root.path()), &Limits::default()).await;
    assert_eq!(brought.paths(), ["mounted.md"]);
    let refusals = brought.refusals();
    for name in ["folder-out", "file-out.md", "nowhere.md"] {
        assert!(refusals.iter().any(|refusal| refusal.contains(name)), "{name}: {refusals:#?}");
    }
    assert!(brought.end.is_ok());
}

#[tokio::test]
async fn pipes_and_huge_files_are_refused_unread() {
    let root = tempdir().unwrap();
    write(root.path(), "good.md", "good");
    File::create(root.path().join("huge.md")).unwrap().set_len(200 << 20).unwrap();
    let pipe = root.path().join("pipe.md");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let brought = read(&folder(root.path()), &Limits::default()).await;
    assert_eq!(brought.paths(), ["good.md"]);
    let refusals = brought.refusals().join("\n");
    assert!(refusals.contains("huge.md: is larger than 32 MiB"), "{refusals}");
    assert!(refusals.contains("pipe.md: is not a regular file"), "{refusals}");
    let brought = read(&SourceSpec::new("pipe", Location::File(pipe)), &Limits::default()).await;
    assert!(brought.refusals()[0].contains("is not a regular file"));
}

#[tokio::test]
async fn what_is_not_there_is_an_error_and_keeps_the_old_version() {
    for location in [Location::File("/no/such".into()), Location::Folder("/no/such".into())] {
        let brought = read(&SourceSpec::new("gone", location), &Limits::default()).await;
        assert!(matches!(brought.end, Err(SourceError::Unreadable { .. })));
        assert!(brought.error().contains("/no/such"));
    }
    let root = tempdir().unwrap();
    let glob = Location::Glob { base: root.path().into(), pattern: "*.md".into() };
    let brought = read(&SourceSpec::new("glob", glob), &Limits::default()).await;
    assert!(matches!(brought.end, Err(SourceError::Nothing { .. })));
}

#[tokio::test]
async fn a_glob_takes_what_matches() {
    let root = tempdir().unwrap();
    for path in ["a.md", "x/b.md", "x/c.txt", "x/y/d.md"] {
        write(root.path(), path, path);
    }
    let read_glob = async |pattern: &str| {
        let location = Location::Glob { base: root.path().into(), pattern: pattern.into() };
        let brought = read(&SourceSpec::new("glob", location), &Limits::default()).await;
        brought.paths().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(read_glob("*.md").await, ["a.md"]);
    assert_eq!(read_glob("**/*.md").await, ["a.md", "x/b.md", "x/y/d.md"]);
    assert_eq!(read_glob("x/*.{md,txt}").await, ["x/b.md", "x/c.txt"]);
}

#[tokio::test]
async fn a_pattern_that_is_no_glob_is_an_error() {
    let mut spec = folder(Path::new("/"));
    spec.include = vec!["[a".into()];
    assert!(matches!(read(&spec, &Limits::default()).await.end, Err(SourceError::Pattern { .. })));
}

#[tokio::test]
async fn too_many_documents_are_an_error_not_a_part() {
    let root = tempdir().unwrap();
    for name in 0..5 {
        write(root.path(), &format!("{name}.md"), "text");
    }
    let limits = Limits { documents: 4, ..Limits::default() };
    assert!(matches!(read(&folder(root.path()), &limits).await.end, Err(SourceError::TooMany { limit: 4 })));
}

#[tokio::test]
async fn a_dropped_receiver_stops_the_reading() {
    let root = tempdir().unwrap();
    for name in 0..50 {
        write(root.path(), &format!("{name}.md"), "text");
    }
    let (sender, mut receiver) = mpsc::channel(1);
    let spec = folder(root.path());
    let (limits, known) = (Limits::default(), Known::new());
    let stop = async {
        receiver.recv().await.unwrap();
        drop(receiver);
    };
    let (end, ()) = tokio::join!(super::read(&spec, &limits, &known, sender), stop);
    assert!(matches!(end, Err(SourceError::Stopped)));
}

#[tokio::test]
async fn standard_input_is_one_document_within_the_limit() {
    let limits = Limits { document_bytes: 10, ..Limits::default() };
    let read = async |stream: &'static [u8], name: Option<&str>| {
        let (sender, mut receiver) = mpsc::channel(4);
        let outlet =
            Outlet::new(&SourceSpec::new("-", Location::Stdin { name: None }), &limits, sender).unwrap();
        let (limits, name) = (limits.clone(), name.map(Into::into));
        tokio::task::spawn_blocking(move || read_stream(stream, name, &limits, outlet))
            .await
            .unwrap()
            .unwrap();
        receiver.recv().await.unwrap()
    };
    let Found::Document(document) = read(b"0123456789", Some("a.txt")).await else { panic!("no document") };
    assert_eq!((document.path.as_str(), document.uri.as_str(), document.bytes.len()), ("a.txt", "stdin", 10));
    let Found::Document(document) = read(b"", None).await else { panic!("no document") };
    assert_eq!(document.path, "stdin.md");
    assert!(matches!(read(b"0123456789a", None).await, Found::Refused(_)));
}

#[tokio::test]
async fn the_runbooks_in_the_program_are_the_files_of_the_folder() {
    let brought = read(&SourceSpec::new("builtin", Location::BuiltIn), &Limits::default()).await;
    let version = brought.end.as_ref().unwrap().version.as_ref().unwrap();
    assert_eq!(version.len(), 64);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../knowledge");
    let mut expected: Vec<_> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md") && !name.eq_ignore_ascii_case("readme.md"))
        .collect();
    expected.sort();
    assert_eq!(brought.paths(), expected);
    for document in brought.documents() {
        assert_eq!(document.bytes, fs::read(folder.join(&document.path)).unwrap());
        assert_eq!(document.uri, format!("knowledge/{}", document.path));
    }
}

#[tokio::test]
async fn what_the_runbooks_in_the_program_say_of_themselves_is_understood() {
    let brought = read(&SourceSpec::new("builtin", Location::BuiltIn), &Limits::default()).await;
    for document in brought.documents() {
        let parsed = crate::format::parse(document, &Limits::default()).unwrap();
        assert_eq!(parsed.ignored, [] as [String; 0], "{}", document.path);
        assert!(parsed.attributes.category.is_some(), "{}", document.path);
    }
}

//! What is read from git repositories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};
use url::Url;

use super::reading::read;
use super::{Location, Place, SourceError, SourceSpec};
use crate::Limits;

/// Runs git without anything of the user's configuration.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@a.example", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_COMMITTER_DATE", "2024-05-06T07:08:09Z")
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Two commits, the first tagged, and a change that is not committed.
fn repository() -> (TempDir, String, String) {
    let folder = tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "-q", "-b", "main"]);
    fs::create_dir_all(root.join("docs/.drafts")).unwrap();
    fs::write(root.join("docs/a.md"), "first").unwrap();
    fs::write(root.join("docs/.drafts/x.md"), "draft").unwrap();
    fs::write(root.join("README.md"), "read me").unwrap();
    symlink("/etc/passwd", root.join("link.md")).unwrap();
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "-m", "one"]);
    git(root, &["tag", "-a", "v1", "-m", "v1"]);
    let first = git(root, &["rev-parse", "HEAD"]);
    fs::write(root.join("docs/a.md"), "second").unwrap();
    fs::write(root.join("large.md"), vec![b'x'; 5000]).unwrap();
    git(root, &["add", "-A"]);
    git(root, &["commit", "-q", "-m", "two"]);
    let second = git(root, &["rev-parse", "HEAD"]);
    fs::write(root.join("docs/a.md"), "not committed").unwrap();
    fs::write(root.join("new.md"), "not committed").unwrap();
    (folder, first, second)
}

fn local(root: &Path, reference: Option<&str>) -> SourceSpec {
    let place = Place::Local(root.to_owned());
    SourceSpec::new("git", Location::Git { place, reference: reference.map(Into::into) })
}

#[tokio::test]
async fn what_is_committed_is_read_and_the_commit_is_the_version() {
    let (folder, _, second) = repository();
    let limits = Limits { document_bytes: 4000, ..Limits::default() };
    let brought = read(&local(folder.path(), None), &limits).await;
    assert_eq!(brought.paths(), ["README.md", "docs/a.md"], "{}", brought.error());
    let document = brought.documents()[1];
    assert_eq!(document.bytes, b"second");
    assert_eq!(document.uri, format!("{}@{}:docs/a.md", folder.path().display(), &second[..10]));
    assert_eq!(document.modified.unwrap().to_string(), "2024-05-06T07:08:09Z");
    let refusals = brought.refusals().join("\n");
    assert!(refusals.contains("large.md: is larger than"), "{refusals}");
    assert!(refusals.contains("link.md: is a symbolic link"), "{refusals}");
    assert_eq!(brought.end.unwrap().version, Some(second));
}

#[tokio::test]
async fn a_reference_is_a_branch_a_tag_or_a_commit() {
    let (folder, first, _) = repository();
    git(folder.path(), &["branch", "old", &first]);
    for reference in ["v1", "old", "refs/heads/old", &first] {
        let brought = read(&local(folder.path(), Some(reference)), &Limits::default()).await;
        assert_eq!(brought.documents()[1].bytes, b"first", "{reference}");
        assert_eq!(brought.end.unwrap().version.as_ref(), Some(&first));
    }
    let absent = "0123456789012345678901234567890123456789";
    for reference in ["no-such", "..", "a b", "", absent] {
        let brought = read(&local(folder.path(), Some(reference)), &Limits::default()).await;
        assert!(
            brought.error().contains("no branch, tag or full commit id"),
            "{reference}: {}",
            brought.error()
        );
    }
}

#[tokio::test]
async fn a_bare_clone_with_packs_is_read_as_well() {
    let (folder, _, second) = repository();
    let bare = tempdir().unwrap();
    let target = bare.path().join("docs.git");
    git(
        folder.path(),
        &["clone", "-q", "--bare", "file://.", target.to_str().unwrap()]
            .map(|argument| if argument == "file://." { folder.path().to_str().unwrap() } else { argument }),
    );
    git(&target, &["gc", "-q"]);
    let brought = read(&local(&target, None), &Limits::default()).await;
    assert_eq!(brought.paths(), ["README.md", "docs/a.md", "large.md"]);
    assert_eq!(brought.end.unwrap().version, Some(second));
}

#[tokio::test]
async fn what_is_no_repository_or_has_no_commit_is_an_error() {
    let folder = tempdir().unwrap();
    let brought = read(&local(folder.path(), None), &Limits::default()).await;
    assert!(brought.error().contains("not the root of a git clone"), "{}", brought.error());
    git(folder.path(), &["init", "-q"]);
    let brought = read(&local(folder.path(), None), &Limits::default()).await;
    assert!(brought.error().contains("no commit at HEAD"), "{}", brought.error());
}

#[tokio::test]
async fn broken_objects_are_refused_or_errors() {
    let (folder, ..) = repository();
    let objects = folder.path().join(".git/objects");
    for entry in fs::read_dir(&objects).unwrap().flatten().filter(|entry| entry.file_name().len() == 2) {
        for object in fs::read_dir(entry.path()).unwrap().flatten() {
            fs::remove_file(object.path()).unwrap();
            fs::write(object.path(), b"garbage").unwrap();
        }
    }
    let brought = read(&local(folder.path(), None), &Limits::default()).await;
    assert!(matches!(brought.end, Err(SourceError::Git { .. })), "{:?}", brought.end);
    assert!(brought.paths().is_empty());
}

#[tokio::test]
async fn a_tree_with_endless_entries_is_an_error() {
    let (folder, ..) = repository();
    let root = folder.path();
    let blob = git(root, &["rev-parse", "HEAD:README.md"]);
    let tree = |kind: &str, mode: &str, id: &str| {
        let list: String = (0..10).map(|name| format!("{mode} {kind} {id}\t{name}\n")).collect();
        fs::write(root.join("list"), list).unwrap();
        let script = "git mktree < list";
        let output = Command::new("sh").args(["-c", script]).current_dir(root).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let mut id = tree("blob", "100644", &blob);
    for _ in 0..12 {
        id = tree("tree", "040000", &id);
    }
    let commit = git(root, &["commit-tree", &id, "-m", "bomb"]);
    let limits = Limits { documents: 1000, ..Limits::default() };
    let brought = read(&local(root, Some(&commit)), &limits).await;
    assert!(matches!(brought.end, Err(SourceError::TooMany { limit: 1000 })), "{:?}", brought.end);
}

#[tokio::test]
async fn a_remote_inside_the_network_is_not_asked_where_that_is_forbidden() {
    let url = Url::parse("https://127.0.0.1:1/a.git").unwrap();
    let spec = SourceSpec::new("git", Location::Git { place: Place::Remote(url), reference: None });
    let brought = read(&spec, &Limits { private_addresses: false, ..Limits::default() }).await;
    assert!(brought.error().contains("not at a public address"), "{}", brought.error());
    let brought = read(&spec, &Limits::default()).await;
    assert!(brought.error().contains("cannot be cloned"), "{}", brought.error());
}

#[tokio::test]
async fn a_remote_is_cloned_at_its_default_branch_a_tag_or_a_commit() {
    let (folder, first, second) = repository();
    let base = super::git_server::serve_git(folder.path().to_owned()).await;
    let url = base.join("/.git").unwrap();
    for (reference, version) in [(None, &second), (Some("v1"), &first), (Some("main"), &second)] {
        let reference = reference.map(Into::into);
        let place = Place::Remote(url.clone());
        let brought =
            read(&SourceSpec::new("git", Location::Git { place, reference }), &Limits::default()).await;
        assert_eq!(
            brought.documents()[1].uri,
            format!("{url}@{}:docs/a.md", &version[..10]),
            "{}",
            brought.error()
        );
        assert_eq!(brought.end.unwrap().version.as_ref(), Some(version));
    }
    let place = Place::Remote(url.clone());
    let absent = SourceSpec::new("git", Location::Git { place, reference: Some("absent".into()) });
    assert!(read(&absent, &Limits::default()).await.error().contains("cannot be cloned at absent"));
}

#[tokio::test]
async fn a_clone_that_never_ends_meets_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/a.git", listener.local_addr().unwrap())).unwrap();
    let spec = SourceSpec::new("git", Location::Git { place: Place::Remote(url), reference: None });
    let limits = Limits { clone: std::time::Duration::from_millis(300), ..Limits::default() };
    let brought = read(&spec, &limits).await;
    assert!(matches!(brought.end, Err(SourceError::Git { .. })), "{:?}", brought.end);
    drop(listener);
}

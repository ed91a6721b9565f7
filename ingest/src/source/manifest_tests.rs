//! What a list of sources may say, and how its mistakes are told.

use std::path::Path;

use super::{Location, Manifest, ManifestError, Place, SourceSpec};
use crate::{Attributes, Category};

fn problems(text: &str) -> Vec<String> {
    match Manifest::parse(text, Path::new("/base")) {
        Err(ManifestError::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_source_says_where_and_what_it_is() {
    let text = r#"
        [[source]]
        name = "runbooks"
        git = "https://a.example/b.git"
        reference = "v1"
        category = "runbook"
        tags = ["team-a"]
        trust = 0.9
        include = ["docs/**"]
        [[source]]
        name = "notes"
        glob = "notes/*.md"
    "#;
    let manifest = Manifest::parse(text, Path::new("/base")).unwrap();
    let place = Place::Remote("https://a.example/b.git".parse().unwrap());
    let first = SourceSpec {
        name: "runbooks".into(),
        location: Location::Git { place, reference: Some("v1".into()) },
        attributes: Attributes {
            category: Some(Category::Runbook),
            tags: vec!["team-a".into()],
            trust: Some(0.9),
            ..Attributes::default()
        },
        include: vec!["docs/**".into()],
        exclude: vec![],
    };
    let second =
        SourceSpec::new("notes", Location::Glob { base: "/base/notes".into(), pattern: "*.md".into() });
    assert_eq!(manifest.sources, [first, second]);
}

#[test]
fn all_problems_come_at_once_with_their_keys() {
    let found = problems(
        r#"
        colour = "red"
        [[source]]
        name = "a"
        path = "x"
        url = "https://a.example/"
        trust = 1.5
        category = "poem"
        [[source]]
        name = "a"
        builtin = true
        reference = "v1"
        include = ["[oops"]
        [[source]]
        name = "b"
        [[source]]
        name = "c"
        url = "ftp://a.example/"
        [[source]]
        nmae = "d"
        "#,
    );
    for part in [
        "colour: unknown",
        "source 1 (a): path and url",
        "source 1 (a): trust",
        "source 1 (a): category: `poem` is unknown; possible are troubleshooting",
        "source 2 (a): name: another source",
        "source 2 (a): reference",
        "source 2 (a): include",
        "source 3 (b): one of path",
        "source 4 (c): url: ftp://a.example/: only http",
        "source 5: unknown field `nmae`",
    ] {
        assert!(found.iter().any(|problem| problem.starts_with(part)), "{part}: {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
}

#[test]
fn garbage_is_refused() {
    let broken = problems("\n[[source]]\nurl = \"https://me:hunter2@a.example");
    assert!(
        broken.len() == 1 && broken[0].starts_with("line 3: ") && !broken[0].contains("hunter2"),
        "{broken:?}"
    );
    assert!(problems("source = 3")[0].contains("[[source]]"));
    assert!(problems("[[source]]\nname = 'x'\ntrust = nan\nbuiltin = true")[0].contains("trust"));
    assert_eq!(problems("[[source]]\nname = 3").len(), 1);
    assert!(matches!(Manifest::read(Path::new("/no/such.toml")), Err(ManifestError::Unreadable { .. })));
}

#[test]
fn the_manifest_that_comes_with_the_crate_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sources.toml");
    let manifest = Manifest::read(&path).unwrap();
    assert!(manifest.sources.iter().any(|source| source.location == Location::BuiltIn));
}

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static BUILT_IN_GLOSSARY: LazyLock<Glossary> = LazyLock::new(|| Glossary::built_in().unwrap());

fn terms(query: &str) -> Vec<String> {
    BUILT_IN_GLOSSARY.expand(query).into_iter().map(|expansion| expansion.term).collect()
}

fn small(text: &str) -> Result<Glossary, GlossaryError> {
    Glossary::default().with_text("test.toml", &format!("version = 1\n{text}"))
}

#[test]
fn the_built_in_glossary_can_be_used_and_never_outweighs_the_query() {
    let glossary = Glossary::built_in().unwrap();
    assert!(glossary.by_words.len() > 300, "{}", glossary.by_words.len());
    assert!(
        glossary
            .by_words
            .values()
            .flatten()
            .all(|e| e.weight > 0.0 && e.weight < 1.0 && !e.because.is_empty())
    );
}

#[test]
fn an_abbreviation_adds_its_long_form_and_the_other_way_round() {
    assert!(terms("the PVC is full").contains(&"persistent volume claim".to_owned()));
    assert!(terms("persistent volume claims are full").contains(&"pvc".to_owned()));
    assert!(terms("two pvcs").contains(&"persistent volume claim".to_owned()));
}

#[test]
fn an_exit_code_adds_what_it_stands_for_and_says_why() {
    let expansions = BUILT_IN_GLOSSARY.expand("container exited with exit code 137");
    let killed = expansions.iter().find(|expansion| expansion.term == "oomkilled").unwrap();
    assert!(killed.because.contains("SIGKILL"));
    assert!(terms("137 pods").is_empty());
}

#[test]
fn the_longest_term_wins_at_its_place() {
    let glossary = small(
        "[[same]]\nterms = ['pv', 'persistent volume']\nweight = 0.6\n\
         [[same]]\nterms = ['pvc', 'persistent volume claim']\nweight = 0.6\n",
    )
    .unwrap();
    let found: Vec<String> = glossary.expand("persistent volume claim").into_iter().map(|e| e.term).collect();
    assert_eq!(found, ["pvc"]);
}

#[test]
fn names_in_camel_and_snake_case_are_read_as_words() {
    assert!(terms("KubePersistentVolumeClaimLost").contains(&"pvc".to_owned()));
    assert!(terms("kube_persistent_volume_claim_lost").contains(&"pvc".to_owned()));
    assert!(terms("crashloopbackoff").contains(&"crash looping".to_owned()));
    assert!(terms("Crash Loop Back-Off").contains(&"crash looping".to_owned()));
}

#[test]
fn words_that_only_begin_like_a_term_add_nothing() {
    assert_eq!(terms("pvcish zoom"), Vec::<String>::new());
}

#[test]
fn what_the_query_already_says_is_not_added() {
    assert!(!terms("pvc persistent volume claim").contains(&"persistent volume claim".to_owned()));
}

#[test]
fn heavier_terms_come_first_and_each_comes_once() {
    let glossary = small(
        "[[leads]]\nwhen = ['a1']\nadd = ['light', 'both']\nweight = 0.2\n\
         [[leads]]\nwhen = ['b1']\nadd = ['heavy', 'Both']\nweight = 0.7\nbecause = 'b says so'\n",
    )
    .unwrap();
    let found: Vec<(String, f32)> =
        glossary.expand("a1 b1").into_iter().map(|e| (e.term, e.weight)).collect();
    assert_eq!(found, [("Both".to_owned(), 0.7), ("heavy".to_owned(), 0.7), ("light".to_owned(), 0.2)]);
}

#[test]
fn bad_entries_are_all_named_with_their_number() {
    let error = small(
        "[[same]]\nterms = ['alone']\nweight = 0.5\n\
         [[leads]]\nwhen = ['x']\nadd = ['--']\nweight = 1.5\n",
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @r"
    the glossary test.toml has entries that cannot be used:
    [[same]] number 1 (alone): terms needs two or more
    [[leads]] number 1 (x): “--” has no letter and no digit
    [[leads]] number 1 (x): weight is 1.5, it must be more than 0 and less than 1
    ");
    assert!(matches!(
        small("[[same]]\nterms = ['a', 'b']\nweight = nan"),
        Err(GlossaryError::Entries { .. })
    ));
}

#[test]
fn a_misspelt_field_another_version_and_a_missing_file_are_refused() {
    assert!(matches!(small("[[same]]\nterm = ['a', 'b']\nweight = 0.5"), Err(GlossaryError::Form { .. })));
    let other = Glossary::default().with_text("test.toml", "version = 2");
    assert!(matches!(other, Err(GlossaryError::Entries { .. })));
    let missing = Glossary::default().with_file(Path::new("/no/such/glossary.toml"));
    assert!(matches!(missing, Err(GlossaryError::Read { .. })));
}

#[test]
fn a_file_comes_on_top_of_what_is_known_and_has_a_size_limit() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    std::fs::write(&own, "version = 1\n[[same]]\nterms = ['quux', 'payment gateway']\nweight = 0.5\n")
        .unwrap();
    let glossary = Glossary::built_in().unwrap().with_file(&own).unwrap();
    let found: Vec<String> = glossary.expand("quux oom").into_iter().map(|e| e.term).collect();
    assert!(found.contains(&"payment gateway".to_owned()) && found.contains(&"out of memory".to_owned()));

    std::fs::write(&own, "#".repeat(FILE_BYTES as usize + 1)).unwrap();
    assert!(matches!(Glossary::default().with_file(&own), Err(GlossaryError::TooLarge { .. })));
    std::fs::write(&own, [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(Glossary::default().with_file(&own), Err(GlossaryError::Read { .. })));
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_expand(query in "\\PC{0,300}") {
        prop_assert!(BUILT_IN_GLOSSARY.expand(&query).len() <= EXPANSIONS);
    }
}

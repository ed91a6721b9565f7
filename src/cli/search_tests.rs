use kubewright_ingest::{Attributes, Lines};

use super::*;

fn result() -> SearchResult {
    let citation = Citation {
        uri: "docs/oom.md".to_owned(),
        source: "docs".to_owned(),
        path: "oom.md".to_owned(),
        headings: vec!["Out of memory".to_owned(), "How to tell\u{1b}[2J".to_owned()],
        lines: Lines::new(3, 9),
    };
    SearchResult {
        id: "00ff".to_owned(),
        score: 0.0312,
        parts: ScoreParts { lexical: Some(12.5), lexical_rank: Some(1), trust: 0.9, ..ScoreParts::default() },
        title: "Out of memory".to_owned(),
        snippet: Snippet {
            text: "The container was killed\u{1b}]8;;http://evil\u{7}\nwith exit code 137.".to_owned(),
            highlights: vec![(18, 24), (44, 48), (57, 900)],
        },
        text: String::new(),
        also: vec![Citation { lines: Lines::new(1, 1), ..citation.clone() }],
        citation,
        attributes: Attributes::default(),
    }
}

fn response(results: Vec<SearchResult>) -> SearchResponse {
    let counts = BTreeMap::from([("runbook".to_owned(), 2), ("security".to_owned(), 7)]);
    SearchResponse {
        mode: Mode::Lexical,
        degraded: Some("searched by words only: no model".to_owned()),
        results,
        facets: BTreeMap::from([("category".to_owned(), counts)]),
        expansions: vec!["OOMKilled: exit code 137".to_owned(); 2],
        took_ms: 1.25,
    }
}

#[test]
fn an_answer_shows_where_each_passage_stands_and_why_it_was_found() {
    let shown = show(&response(vec![result()]), false);
    insta::assert_snapshot!(anstream::adapter::strip_str(&shown).to_string(), @r"
    searched by words only: no model

    1. Out of memory > How to tell[2J
       docs/oom.md:3-9
       score 0.0312 · words 12.50 (#1) · trust 0.90
         The container was killed]8;;http://evil
         with exit code 137.
       also in docs/oom.md:1
       passage 00ff

    Narrow it with --filter:
      category=security (7), runbook (2)
    The question was widened:
      OOMKilled: exit code 137
    1 passage, lexical, 1.2 ms
    ");
}

#[test]
fn hostile_passages_and_strange_highlights_leave_nothing_that_a_terminal_obeys() {
    let shown = show(&response(vec![result()]), false);
    assert!(shown.contains(&format!("{MATCH}killed{MATCH:#}")), "{shown:?}");
    assert!(
        !shown.contains("\u{1b}]8") && !shown.contains("\u{1b}[2J") && !shown.contains('\u{7}'),
        "{shown:?}"
    );
}

#[test]
fn nothing_found_says_what_to_try() {
    let shown = show(&response(Vec::new()), true);
    assert!(shown.contains("searched by words only") && shown.contains("take a filter away"), "{shown}");
}

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn queries(count: usize) -> Vec<Query> {
    let query = |n| Query {
        id: format!("q{n}"),
        text: format!("question {n}"),
        relevant: BTreeSet::from([format!("{n}.md")]),
    };
    (0..count).map(query).collect()
}

/// A run that has the right document at the given place of each query; 0 for not at all.
fn run(places: &[usize]) -> Run {
    let result = |(n, place): (usize, &usize)| {
        let wrong = |m| format!("wrong-{m}.md");
        (1..=10).map(|at| if at == *place { format!("{n}.md") } else { wrong(at) }).collect()
    };
    places.iter().enumerate().map(result).collect()
}

fn three_modes() -> BTreeMap<String, Run> {
    BTreeMap::from([
        ("lexical".to_owned(), run(&[1, 2, 0, 1])),
        ("vector".to_owned(), run(&[2, 1, 5, 0])),
        ("hybrid".to_owned(), run(&[1, 1, 2, 1])),
    ])
}

#[test]
fn the_report_has_the_figures_of_each_mode_under_the_agreed_names() {
    let json = serde_json::to_value(Evaluation::of(&queries(4), &three_modes()).unwrap()).unwrap();
    assert_eq!(json["queries"], 4);
    assert_eq!(json["modes"]["lexical"]["hit@1"], 0.5);
    assert_eq!(json["modes"]["lexical"]["hit@5"], 0.75);
    assert_eq!(json["modes"]["vector"]["hit@10"], 0.75);
    assert_eq!(json["modes"]["hybrid"]["mrr@10"], 0.875);
    assert_eq!(json["hybrid_minus"]["lexical"]["hit@1"], 0.25);
    for mode in ["lexical", "vector", "hybrid"] {
        let mode = &json["modes"][mode];
        for figure in ["hit@1", "hit@5", "hit@10", "mrr@10", "ndcg@10"] {
            let (low, high) =
                (mode["ci"][figure][0].as_f64().unwrap(), mode["ci"][figure][1].as_f64().unwrap());
            let mean = mode[figure].as_f64().unwrap();
            assert!(low <= mean && mean <= high, "{figure}: {low} {mean} {high}");
        }
    }
}

#[test]
fn the_comparison_is_query_by_query() {
    // Both modes are as good as a coin, but hybrid is right wherever the other is: the gain is certain.
    let other: Vec<usize> = (0..60).map(|n| if n % 2 == 0 { 1 } else { 0 }).collect();
    let hybrid: Vec<usize> = (0..60).map(|n| if n % 2 == 0 || n % 5 == 0 { 1 } else { 0 }).collect();
    let runs = BTreeMap::from([("hybrid".to_owned(), run(&hybrid)), ("vector".to_owned(), run(&other))]);
    let evaluation = Evaluation::of(&queries(60), &runs).unwrap();
    let gain = &evaluation.hybrid_minus["vector"];
    assert!((gain.mean.hit_1 - 0.1).abs() < 1e-9);
    assert!(gain.ci.hit_1[0] > 0.0, "{gain:?}");
    let (hybrid, vector) = (&evaluation.modes["hybrid"].ci.hit_1, &evaluation.modes["vector"].ci.hit_1);
    assert!(hybrid[0] < vector[1], "apart from each other the intervals overlap: {hybrid:?} {vector:?}");
}

#[test]
fn the_table_is_for_people() {
    insta::assert_snapshot!(Evaluation::of(&queries(4), &three_modes()).unwrap(), @r"
    4 queries, mean and 95 % confidence interval
    mode            hit@1                 hit@5                 hit@10                mrr@10                ndcg@10
    lexical         0.500 0.000…1.000     0.750 0.250…1.000     0.750 0.250…1.000     0.625 0.250…1.000     0.658 0.250…1.000
    vector          0.250 0.000…0.750     0.750 0.250…1.000     0.750 0.250…1.000     0.425 0.100…0.800     0.504 0.158…0.847
    hybrid          0.750 0.250…1.000     1.000 1.000…1.000     1.000 1.000…1.000     0.875 0.625…1.000     0.908 0.723…1.000
    hybrid−lexical  +0.250 +0.000…+0.750  +0.250 +0.000…+0.750  +0.250 +0.000…+0.750  +0.250 +0.000…+0.500  +0.250 +0.000…+0.500
    hybrid−vector   +0.500 +0.000…+1.000  +0.250 +0.000…+0.750  +0.250 +0.000…+0.750  +0.450 +0.125…+0.825  +0.403 +0.092…+0.811
    ");
}

#[test]
fn results_that_do_not_fit_the_queries_are_refused() {
    assert_eq!(Evaluation::of(&[], &BTreeMap::new()), Err(EvaluationError::NoQueries));
    let runs = BTreeMap::from([("vector".to_owned(), run(&[1]))]);
    let expected = EvaluationError::Incomplete { mode: "vector".to_owned(), results: 1, queries: 2 };
    assert_eq!(Evaluation::of(&queries(2), &runs), Err(expected));
}

#[test]
fn a_single_mode_is_compared_with_nothing() {
    let runs = BTreeMap::from([("lexical".to_owned(), run(&[1, 1]))]);
    let evaluation = Evaluation::of(&queries(2), &runs).unwrap();
    assert!(evaluation.hybrid_minus.is_empty());
    assert!(!serde_json::to_string(&evaluation).unwrap().contains("hybrid_minus"));
}

use super::*;
use crate::sim::prometheus::series::Sample;

const NOW: i64 = 1_790_000_000_000;

/// Ten minutes of samples every 15 s: a counter that grows by 2 a second in pod `a` and by 1 in `b`, a gauge, and a
/// histogram.
fn store() -> SeriesStore {
    let mut store = SeriesStore::default();
    for step in 0..=40_i64 {
        let at = NOW - 600_000 + step * 15_000;
        let t = (step * 15) as f64;
        let mut samples = vec![
            Sample::new("requests_total", &[("pod", "a"), ("code", "200")], 100.0 + 2.0 * t),
            Sample::new("requests_total", &[("pod", "b"), ("code", "500")], 50.0 + t),
            Sample::new("heat", &[("pod", "a")], if step == 20 { 9.0 } else { 3.0 }),
            Sample::new("heat", &[("pod", "b")], 5.0),
            Sample::new("info", &[("pod", "a"), ("node", "n1")], 1.0),
            Sample::new("info", &[("pod", "b"), ("node", "n2")], 1.0),
        ];
        for (le, share) in [("0.1", 0.5), ("1", 0.9), ("+Inf", 1.0)] {
            samples.push(Sample::new("latency_bucket", &[("le", le)], share * (100.0 + 4.0 * t)));
        }
        store.record(at, samples);
    }
    store
}

fn ask(query: &str) -> Result<Value, QueryError> {
    Evaluator::instant(&store(), NOW, 1.0).evaluate(&parse(query)?)
}

/// The result in one line: `{labels} value` per element, sorted.
fn shown(query: &str) -> String {
    match ask(query) {
        Ok(Value::Scalar(number)) => format!("{number:.4}"),
        Ok(Value::Vector(elements)) => {
            let mut lines: Vec<String> = elements
                .iter()
                .map(|e| {
                    let labels: Vec<String> = e.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
                    format!("{{{}}} {:.4}", labels.join(","), e.value)
                })
                .collect();
            lines.sort();
            lines.join("; ")
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error: {error}"),
    }
}

const TABLE: &[(&str, &str)] = &[
    ("1 + 2 * 3", "7.0000"),
    ("2 ^ 3 ^ 2", "512.0000"),
    ("-heat", "{pod=a} -3.0000; {pod=b} -5.0000"),
    (r#"heat{pod="a"}"#, "{__name__=heat,pod=a} 3.0000"),
    (r#"heat{pod!="a"}"#, "{__name__=heat,pod=b} 5.0000"),
    (r#"heat{pod=~"a|c"}"#, "{__name__=heat,pod=a} 3.0000"),
    (r#"heat{pod!~"a.*"}"#, "{__name__=heat,pod=b} 5.0000"),
    (r#"{__name__=~"he.t",pod="b"}"#, "{__name__=heat,pod=b} 5.0000"),
    ("heat > 3", "{__name__=heat,pod=b} 5.0000"),
    ("heat > bool 3", "{pod=a} 0.0000; {pod=b} 1.0000"),
    ("3 < heat", "{__name__=heat,pod=b} 5.0000"),
    ("heat offset 5m", "{__name__=heat,pod=a} 9.0000; {__name__=heat,pod=b} 5.0000"),
    ("rate(requests_total[5m])", "{code=200,pod=a} 2.0000; {code=500,pod=b} 1.0000"),
    ("irate(requests_total[5m])", "{code=200,pod=a} 2.0000; {code=500,pod=b} 1.0000"),
    (r#"increase(requests_total{pod="a"}[5m])"#, "{code=200,pod=a} 600.0000"),
    (r#"delta(heat{pod="b"}[5m])"#, "{pod=b} 0.0000"),
    (r#"max_over_time(heat{pod="a"}[10m])"#, "{pod=a} 9.0000"),
    (r#"min_over_time(heat{pod="a"}[10m])"#, "{pod=a} 3.0000"),
    (r#"count_over_time(heat{pod="a"}[1m])"#, "{pod=a} 4.0000"),
    (r#"sum_over_time(heat{pod="b"}[1m])"#, "{pod=b} 20.0000"),
    (r#"avg_over_time(heat{pod="b"}[1m])"#, "{pod=b} 5.0000"),
    (r#"last_over_time(heat{pod="b"}[1m])"#, "{pod=b} 5.0000"),
    (r#"changes(heat{pod="a"}[10m])"#, "{pod=a} 2.0000"),
    ("sum(heat)", "{} 8.0000"),
    ("avg(heat)", "{} 4.0000"),
    ("max by (pod) (heat)", "{pod=a} 3.0000; {pod=b} 5.0000"),
    ("count without (pod) (requests_total)", "{code=200} 1.0000; {code=500} 1.0000"),
    ("topk(1, heat)", "{__name__=heat,pod=b} 5.0000"),
    ("bottomk(1, heat)", "{__name__=heat,pod=a} 3.0000"),
    ("group(heat)", "{} 1.0000"),
    ("quantile(0.5, heat)", "{} 4.0000"),
    ("histogram_quantile(0.5, rate(latency_bucket[5m]))", "{} 0.1000"),
    ("histogram_quantile(0.7, rate(latency_bucket[5m]))", "{} 0.5500"),
    ("histogram_quantile(0.99, rate(latency_bucket[5m]))", "{} 1.0000"),
    (r#"heat and on (pod) info{node="n1"}"#, "{__name__=heat,pod=a} 3.0000"),
    (r#"heat unless on (pod) info{node="n1"}"#, "{__name__=heat,pod=b} 5.0000"),
    (
        r#"heat{pod="a"} or info{pod="b"}"#,
        "{__name__=heat,pod=a} 3.0000; {__name__=info,node=n2,pod=b} 1.0000",
    ),
    ("heat * on (pod) group_left (node) info", "{node=n1,pod=a} 3.0000; {node=n2,pod=b} 5.0000"),
    ("info * on (pod) group_right () heat", "{pod=a} 3.0000; {pod=b} 5.0000"),
    ("heat / on (pod) heat", "{pod=a} 1.0000; {pod=b} 1.0000"),
    (r#"sum(rate(requests_total{code=~"5.."}[5m])) / sum(rate(requests_total[5m]))"#, "{} 0.3333"),
    (r#"absent(nothing{job="x"})"#, "{job=x} 1.0000"),
    ("absent(heat)", ""),
    ("vector(4)", "{} 4.0000"),
    (r#"scalar(heat{pod="a"})"#, "3.0000"),
    ("scalar(heat)", "NaN"),
    ("abs(heat - 9)", "{pod=a} 6.0000; {pod=b} 4.0000"),
    ("clamp_max(heat, 4)", "{pod=a} 3.0000; {pod=b} 4.0000"),
    ("clamp_min(heat, 4)", "{pod=a} 4.0000; {pod=b} 5.0000"),
    (
        r#"label_replace(heat{pod="a"}, "host", "$1-x", "pod", "(.*)")"#,
        "{__name__=heat,host=a-x,pod=a} 3.0000",
    ),
    ("time()", "1790000000.0000"),
    ("nothing", ""),
];

#[test]
fn expressions_evaluate_as_in_prometheus() {
    for (query, expected) in TABLE {
        assert_eq!(shown(query), *expected, "{query}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_in_prometheus_manner() {
    for query in [
        "",
        "sum(",
        "heat{",
        "rate(heat)",
        "foo bar",
        "heat[5m] + 1",
        "nonsense(heat)",
        "1 +",
        "{}",
        "heat{pod=~\"(\"}",
    ] {
        assert!(matches!(ask(query), Err(QueryError::BadData(_))), "{query}: {:?}", ask(query));
    }
    assert!(matches!(ask("rate(heat[5m:1m])"), Err(QueryError::BadData(_))));
    let duplicates = ask("heat * on () info");
    assert!(matches!(duplicates, Err(QueryError::Execution(_))), "{duplicates:?}");
    assert!(parse(&"(".repeat(100_000)).is_err());
    assert!(parse(&format!("{}1", "-".repeat(5_000))).is_err());
}

#[test]
fn a_counter_reset_is_no_loss() {
    let mut store = SeriesStore::default();
    for (step, value) in [100.0, 130.0, 10.0, 40.0].into_iter().enumerate() {
        store.record(NOW - 45_000 + step as i64 * 15_000, vec![Sample::new("c_total", &[], value)]);
    }
    let value = Evaluator::instant(&store, NOW, 1.0).evaluate(&parse("irate(c_total[1m])").unwrap()).unwrap();
    assert_eq!(value, Value::Vector(vec![Element { labels: Labels::new(), value: 2.0 }]));
    let Value::Vector(all) =
        Evaluator::instant(&store, NOW, 1.0).evaluate(&parse("increase(c_total[50s])").unwrap()).unwrap()
    else {
        panic!("a vector")
    };
    assert!((all[0].value - 70.0 * 50.0 / 45.0).abs() < 1e-6, "{}", all[0].value);
}

#[test]
fn ranges_follow_a_world_that_runs_faster_and_offsets_do_not() {
    let store = store();
    let at_speed =
        |query: &str| Evaluator::instant(&store, NOW, 10.0).evaluate(&parse(query).unwrap()).unwrap();
    let Value::Vector(counts) = at_speed(r#"count_over_time(heat{pod="a"}[10m])"#) else {
        panic!("a vector")
    };
    assert_eq!(counts[0].value, 4.0, "a minute of samples");
    assert_eq!(
        at_speed("heat offset 5m"),
        Evaluator::instant(&store, NOW, 1.0).evaluate(&parse("heat offset 5m").unwrap()).unwrap()
    );
}

use std::collections::BTreeSet;

use super::{LONGEST, permitted};
use crate::agents::tools::{Access, ToolError};

fn shop() -> Access {
    Access::Namespaces(BTreeSet::from(["shop".to_owned(), "shop-db".to_owned()]))
}

#[test]
fn expressions_that_stay_within_the_permitted_namespaces_pass() {
    for text in [
        r#"up{namespace="shop"}"#,
        r#"sum by (pod) (rate(http_requests_total{namespace="shop",code=~"5.."}[5m])) / 2"#,
        r#"up{namespace="shop"} or up{namespace="shop-db"}"#,
        r#"{__name__=~".+", namespace="shop"}"#,
        r#"max_over_time(rate(x{namespace="shop"}[5m])[1h:1m])"#,
        r#"absent(x{namespace="shop"})"#,
        r#"label_replace(up{namespace="shop"}, "namespace", "kube-system", "", "")"#,
        r#"up{namespace="shop",namespace=~"kube.*"}"#,
        r#"up{namespace='shop'} offset 5m"#,
        r#"topk(3, x{namespace="shop"})"#,
        r#"histogram_quantile(0.99, sum by (le) (rate(b_bucket{namespace="shop"}[5m])))"#,
        r#"-x{namespace="shop"} > bool 1"#,
        r#"a{namespace="shop"} * on (pod) group_left (node) b{namespace="shop"}"#,
        r#"up{namespace="\x73hop"}"#,
        "vector(1)",
        "time() - 5",
    ] {
        let sent = permitted(text, &shop());
        assert!(sent.is_ok(), "{text}: {sent:?}");
    }
}

#[test]
fn what_would_show_another_namespace_is_refused_with_what_to_add() {
    for text in [
        "up",
        r#"{__name__=~".+"}"#,
        r#"up{namespace="kube-system"}"#,
        r#"up{namespace=~"shop"}"#,
        r#"up{namespace=~"shop|kube-system"}"#,
        r#"up{namespace!="shop"}"#,
        r#"up{namespace!~"kube.*"}"#,
        r#"up{namespace=""}"#,
        r#"up{Namespace="shop"}"#,
        r#"up{exported_namespace="shop"}"#,
        r#"up{namespace="shop"} or up"#,
        r#"up{namespace="shop"} or kube_pod_info{namespace="kube-system"}"#,
        r#"up{namespace="shop"} unless on() up{namespace="other"}"#,
        r#"up{namespace="shop" or namespace="kube-system"}"#,
        r#"up{namespace="shop" or job="x"}"#,
        r#"up{job="x" or namespace="shop"}"#,
        r#"max_over_time(rate(x{namespace="other"}[5m])[1h:1m])"#,
        "absent(x)",
        r#"absent(kube_secret_info{namespace="kube-system"})"#,
        r#"label_replace(up, "namespace", "shop", "", "")"#,
        r#"topk(scalar(count(up{namespace="kube-system"})), up{namespace="shop"})"#,
        r#"quantile(scalar(up), up{namespace="shop"})"#,
        r#"vector(scalar(up{namespace="kube-system"}))"#,
        r#"sum(rate(x[5m]))"#,
        r#"-(up)"#,
        r#"up{namespace="shop"} @ end() + up @ 0"#,
        "count_values(\"namespace\", up)",
        "up # {namespace=\"shop\"}",
        "up{namespace=\"shop \"}",
        "up{namespace=\"SHOP\"}",
        "up{namespace=\"\\x6bube-system\"}",
    ] {
        match permitted(text, &shop()) {
            Err(ToolError::Denied(why)) => {
                assert!(why.contains(r#"namespace="shop""#), "{text}: {why}");
            }
            Err(ToolError::Arguments(_)) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_is_sent_is_what_was_understood() {
    let sent = permitted("sum( up {\n namespace = 'shop' } ) # {x=\"y\"}", &shop()).unwrap();
    assert_eq!(sent, r#"sum(up{namespace="shop"})"#);
    let all = permitted("sum( up )", &Access::Everything).unwrap();
    assert_eq!(all, "sum( up )");
}

#[test]
fn nothing_is_permitted_where_no_namespace_is() {
    let none = Access::Namespaces(BTreeSet::new());
    for text in ["up", r#"up{namespace="shop"}"#, r#"up{namespace=""}"#] {
        assert!(matches!(permitted(text, &none), Err(ToolError::Denied(_))), "{text}");
    }
}

#[test]
fn garbage_is_feedback_with_its_place_and_never_a_panic() {
    for (text, place) in [
        ("", "empty"),
        ("sum(up", "column 4"),
        ("up)", "column 3"),
        ("up{a=\"b", "column 6"),
        ("rate(up[5m)", "column 11"),
    ] {
        for access in [shop(), Access::Everything] {
            let refusal = permitted(text, &access).unwrap_err().to_string();
            assert!(refusal.contains(place), "{text}: {refusal}");
        }
    }
    let long = format!("up{}", " ".repeat(LONGEST)) + "up";
    let texts = [
        "((((((((".repeat(200),
        format!("{}up{}", "(".repeat(290), ")".repeat(290)),
        format!("{}1", "-".repeat(4000)),
        vec!["a"; 290].join("<"),
        vec!["a"; 290].join(" or "),
        vec!["a"; 700].join(" or "),
        "\u{0}\u{fffd}{}".to_owned(),
        "{}".to_owned(),
        "up[1e300]".to_owned(),
        "up[nan]".to_owned(),
        "up offset 1e300".to_owned(),
        "up[5m:1e300]".to_owned(),
        "up[99999999999y]".to_owned(),
        "rm -rf /".to_owned(),
        "up{namespace=~\"(\"}".to_owned(),
        long,
    ];
    for text in texts {
        assert!(permitted(&text, &shop()).is_err(), "{text:.60}");
    }
    // Deep, and nothing is wrong with it.
    assert!(permitted(&format!("{}1", "- ".repeat(290)), &shop()).is_ok());
    assert!(permitted(&vec!["1"; 290].join("+"), &shop()).is_ok());
}

use super::{Environment, Problems, Settings};

fn parse(text: &str) -> Result<Settings, Problems> {
    let environment: Environment = [("PROM_TOKEN".to_owned(), "t0ken".to_owned())].into_iter().collect();
    Settings::parse(text, "k.toml", &environment)
}

#[test]
fn a_cluster_is_all_that_must_be_named() {
    let settings = parse("[[clusters]]\nname = \"prod\"\n").unwrap();
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.automation.level, 1);
    assert_eq!(settings.automation.protected_namespaces, ["kube-*", "kubewright"]);
    assert_eq!(settings.clusters.len(), 1);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = r#"
        [server]
        listen = "0.0.0.0:8080"
        [automation]
        level = 7
        [verify]
        stability_window = "soon"
        deadline = "1s"
        [intake]
        window = "5m"
        [[clusters]]
        name = "prod"
        url = "ftp://x"
        prometheus = { url = "http://p:9090", bearer_token = { env = "NO_SUCH" } }
        [surprise]
    "#;
    let places: Vec<String> = parse(text).unwrap_err().0.into_iter().map(|problem| problem.place).collect();
    let expected = [
        "k.toml: intake",
        "k.toml: surprise",
        "k.toml: clusters[0].url",
        "k.toml: clusters[0].prometheus.bearer_token",
        "k.toml: server.listen",
        "k.toml: automation.level",
        "k.toml: verify.stability_window",
        "k.toml: verify.deadline",
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_secret_never_shows_in_debug_output() {
    let settings = parse(
        "[[clusters]]\nname = \"a\"\nprometheus = { url = \"http://p\", bearer_token = { env = \"PROM_TOKEN\" } }\n",
    )
    .unwrap();
    assert!(settings.clusters[0].prometheus.as_ref().unwrap().bearer_token.is_some());
    assert!(!format!("{settings:?}").contains("t0ken"));
}

#[test]
fn a_file_that_is_not_toml_says_where_it_breaks() {
    let message = parse("[server\n").unwrap_err().to_string();
    assert!(message.contains("k.toml") && message.contains("line 1"), "{message}");
}

#[test]
fn no_cluster_is_a_problem() {
    let problems = parse("").unwrap_err();
    assert_eq!(problems.0[0].place, "k.toml: clusters");
}

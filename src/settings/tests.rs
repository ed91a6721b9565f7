use kubewright_ingest::search::Platform;
use kubewright_ingest::{DEFAULT_RERANKER, RerankerChoice, Scrub};

use super::{EmbeddingModel, Environment, KnowledgeSettings, Problems, Settings};

fn parse(text: &str) -> Result<Settings, Problems> {
    let environment: Environment = [("PROM_TOKEN".to_owned(), "t0ken".to_owned())].into_iter().collect();
    Settings::parse(text, "k.toml", &environment)
}

fn scrub() -> Scrub {
    std::sync::Arc::new(|text: &str| text.to_owned())
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
        [knowledge]
        model = "../elsewhere"
        keep_versions = "1 fortnight"
        glossary = "/no/such/file"
        location = "ftp://x"
        platform = "minikube"
        [egress]
        rules = "/no/such/file"
        [[clusters]]
        name = "prod"
        url = "ftp://x"
        prometheus = { url = "http://p:9090", bearer_token = { env = "NO_SUCH" } }
        [surprise]
    "#;
    let places: Vec<String> = parse(text).unwrap_err().0.into_iter().map(|problem| problem.place).collect();
    let expected = [
        "k.toml: intake.window",
        "k.toml: surprise",
        "k.toml: clusters[0].url",
        "k.toml: clusters[0].prometheus.bearer_token",
        "k.toml: server.listen",
        "k.toml: automation.level",
        "k.toml: verify.stability_window",
        "k.toml: verify.deadline",
        "k.toml: egress.rules",
        "k.toml: knowledge.glossary",
        "k.toml: knowledge.location",
        "k.toml: knowledge.model",
        "k.toml: knowledge.keep_versions",
        "k.toml: knowledge.platform",
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
fn embeddings_come_from_a_model_an_endpoint_or_nowhere() {
    let with = |section: &str| parse(&format!("{section}\n[[clusters]]\nname = \"a\"\n"));
    let key = "key = { env = \"PROM_TOKEN\" }";
    let endpoint = format!("[knowledge.endpoint]\nurl = \"http://e/v1\"\nmodel = \"m\"\n{key}\n");
    let settings = with(&endpoint).unwrap();
    assert!(matches!(settings.knowledge.model, EmbeddingModel::Endpoint { key: Some(_), .. }));
    assert!(!format!("{settings:?}").contains("t0ken"));
    let settings = with("[knowledge]\nmodel = \"none\"\n").unwrap();
    assert!(matches!(settings.knowledge.model, EmbeddingModel::None));
    let both = with(&format!("[knowledge]\nmodel = \"none\"\n{endpoint}")).unwrap_err();
    assert_eq!(both.0[0].message, "set either model or endpoint");
}

#[test]
fn a_reranker_is_used_when_it_is_there_unless_one_is_named_or_none_is_wanted() {
    let with = |keys: &str| parse(&format!("[knowledge]\n{keys}\n[[clusters]]\nname = \"a\"\n"));
    let reranker = |keys: &str| with(keys).unwrap().knowledge.documents(scrub()).reranker;
    assert_eq!(reranker(""), RerankerChoice::WhenPresent(DEFAULT_RERANKER.to_owned()));
    assert_eq!(reranker("reranker = \"mine\""), RerankerChoice::Named("mine".to_owned()));
    assert_eq!(reranker("reranker = \"none\""), RerankerChoice::None);
    let outside = with("reranker = \"../mine\"").unwrap_err();
    assert_eq!(outside.0[0].place, "k.toml: knowledge.reranker");
}

#[test]
fn the_platform_of_the_clusters_reaches_the_search() {
    let settings = parse("[knowledge]\nplatform = \"OpenShift\"\n[[clusters]]\nname = \"a\"\n").unwrap();
    assert_eq!(settings.knowledge.documents(scrub()).platform, Some(Platform::OpenShift));
    assert_eq!(parse("[[clusters]]\nname = \"a\"\n").unwrap().knowledge.documents(scrub()).platform, None);
}

#[test]
fn the_knowledge_can_be_read_from_a_file_that_is_incomplete_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k.toml");
    std::fs::write(&file, "[knowledge]\nfolder = \"/k\"\n[server]\nlisten = 1\n").unwrap();
    let (settings, egress) = KnowledgeSettings::load(&file, &Environment::new()).unwrap();
    assert!(egress.emails && !egress.ip_addresses);
    assert_eq!(settings.folder, std::path::Path::new("/k"));
    std::fs::write(&file, "[knowlege]\n[knowledge]\nfolders = 1\n").unwrap();
    let problems = KnowledgeSettings::load(&file, &Environment::new()).unwrap_err();
    assert_eq!(problems.0.len(), 2);
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

#[test]
fn a_folder_of_rules_may_be_named_and_need_not_be_there() {
    let with = |keys: &str| parse(&format!("[diagnosis]\n{keys}\n[[clusters]]\nname = \"a\"\n"));
    let rules = with("rules = \"/nowhere\"").unwrap().diagnosis.rules;
    assert_eq!(rules.as_deref(), Some(std::path::Path::new("/nowhere")));
    assert_eq!(with("").unwrap().diagnosis.rules, None);
    assert_eq!(with("rule = \"x\"").unwrap_err().0[0].place, "k.toml: diagnosis.rule");
}

/// Written where its place belongs, in every form that a hand in a hurry gives it.
const SECRET: &str = "GHP0hunter2hunter2";

#[test]
fn a_secret_that_is_written_into_the_file_is_never_repeated() {
    let cluster = "[[clusters]]\nname = \"a\"\n";
    for written in [
        format!("[server]\ntoken = \"{SECRET}\"\n{cluster}"),
        format!("[server]\ntoken = {{ env = \"{SECRET}\" }}\n{cluster}"),
        format!("[server]\ntoken = {{ file = \"{SECRET}\" }}\n{cluster}"),
        format!("[server]\ntoken = {{ value = \"{SECRET}\" }}\n{cluster}"),
        format!("[server]\ntoken = [\"{SECRET}\"]\n{cluster}"),
        format!("[server]\ntoken = \"{SECRET}\n{cluster}"),
        format!("[intake]\nmax_body_bytes = \"{SECRET}\"\n{cluster}"),
        format!("{cluster}url = \"http://admin:{SECRET}@host:port\"\n"),
        format!("{cluster}prometheus = \"{SECRET}\"\n"),
        format!("{cluster}prometheus = {{ url = \"http://p\", bearer_token = \"{SECRET}\" }}\n"),
        format!("{cluster}prometheus = {{ url = \"http://p\", headers = {{ Key = \"{SECRET}\" }} }}\n"),
    ] {
        let problems = parse(&written).unwrap_err();
        assert!(!format!("{problems} {problems:?}").contains(SECRET), "{problems}");
        assert_eq!(problems.0.len(), 1, "{problems}");
    }
    let problems = parse(&format!("[server]\ntoken = \"{SECRET}\"\n{cluster}")).unwrap_err();
    let expected = "k.toml: server.token: say where it is: { env = \"NAME\" } or { file = \"/path\" }; the secret \
                    itself is not written here";
    assert_eq!(problems.0[0].to_string(), expected);
}

#[test]
fn everything_in_a_table_that_cannot_be_read_is_told_and_nothing_that_follows_from_it() {
    let text = "[server]\nlisten = 1\nlisten_too = 2\n[verify]\ndeadline = 3\npoll_interval = 4\n[[clusters]]\nname = 5\n";
    let places: Vec<String> = parse(text).unwrap_err().0.into_iter().map(|problem| problem.place).collect();
    let expected =
        ["server.listen", "server.listen_too", "verify.deadline", "verify.poll_interval", "clusters[0].name"];
    assert_eq!(places, expected.map(|key| format!("k.toml: {key}")));
}

#[test]
fn a_provider_or_model_that_cannot_be_read_is_told_once() {
    let text = "[providers.o]\nkind = \"opnai\"\n[providers.k]\nkind = \"openai\"\nkey = \"GHP0hunter2hunter2\"\n\
                [models.main]\nprovider = \"o\"\nmodel = 1\n[models.next]\nprovider = \"o\"\nmodel = \"m\"\n\
                [agents.security]\nmodels = [\"main\", \"mian\"]\n";
    let file = std::path::Path::new("agents.toml");
    let problems = super::AgentsSettings::parse(text, file, &Environment::new()).unwrap_err();
    assert!(!problems.to_string().contains(SECRET), "{problems}");
    let places: Vec<&str> = problems.0.iter().map(|problem| problem.place.as_str()).collect();
    let expected = ["models.main.model", "providers.k.key", "providers.o.kind", "agents.security.models"];
    assert_eq!(places, expected.map(|key| format!("agents.toml: {key}")));
}

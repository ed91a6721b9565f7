//! The knowledge base from the command line: taken in, searched, looked at and set right, without a model or network.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::provider::{Canned, FakeProvider};

const LIMIT: Duration = Duration::from_secs(120);

const MEMORY: &str = "---\ntitle: Out of memory\ncategory: runbook\ntags: [memory]\n---\n# Out of memory\n\n\
    ## How to tell\n\nThe container was killed with exit code 137 and its reason is OOMKilled.\n";
const IMAGE: &str =
    "# Image cannot be pulled\n\nThe registry refuses the pull: ImagePullBackOff. \u{1b}[2JCheck the tag.\n";

/// A folder with documents, a configuration without a model, and a knowledge base.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(place.path("docs")).unwrap();
        std::fs::write(place.path("docs/memory.md"), MEMORY).unwrap();
        std::fs::write(place.path("docs/image.md"), IMAGE).unwrap();
        std::fs::write(place.path("kubewright.toml"), "[knowledge]\nmodel = \"none\"\nfolder = \"base\"\n")
            .unwrap();
        place
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubewright"));
        command.args(args).env_clear().env("HOME", self.0.path()).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, args: &[&str]) -> Output {
        tokio::time::timeout(LIMIT, self.command(args).output()).await.expect("the command ends").unwrap()
    }

    /// Standard output of a command that must succeed.
    async fn good(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    async fn json(&self, args: &[&str]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.good(&args).await).unwrap()
    }

    /// Standard error of a command that must fail with exit code 1.
    async fn bad(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stderr(&output));
        stderr(&output)
    }
}

/// As Ctrl-C does it.
fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn words(text: &str, line: usize) -> Vec<&str> {
    text.lines().nth(line).unwrap_or_default().split_whitespace().collect()
}

#[tokio::test]
async fn documents_are_taken_in_once_and_changes_after_that() {
    let place = Place::new();
    let planned = place.json(&["ingest", "docs", "--dry-run"]).await;
    assert_eq!((&planned["dry_run"], &planned["sources"][0]["added"]), (&Value::Bool(true), &Value::from(2)));
    assert!(!place.path("base").exists(), "a dry run makes no folders");
    let first = place.good(&["ingest", "docs"]).await;
    assert_eq!(words(&first, 0)[..4], ["SOURCE", "VERSION", "ADDED", "CHANGED"], "{first}");
    assert_eq!(words(&first, 1)[..7], ["docs", "-", "2", "0", "0", "0", "0"], "{first}");
    std::fs::write(place.path("docs/image.md"), "# Image\n\nAnother text.\n").unwrap();
    std::fs::remove_file(place.path("docs/memory.md")).unwrap();
    std::fs::write(place.path("docs/noise.md"), [0_u8, 159, 146, 150]).unwrap();
    let dry = place.json(&["ingest", "docs", "--dry-run"]).await;
    assert_eq!((&dry["dry_run"], &dry["sources"][0]["changed"]), (&Value::Bool(true), &Value::from(1)));
    let second = place.good(&["ingest", "docs"]).await;
    assert_eq!(words(&second, 1)[..7], ["docs", "-", "0", "1", "0", "1", "1"], "{second}");
    assert!(second.contains("noise.md: "), "refused documents are named with their reason:\n{second}");
    let third = place.json(&["ingest", "docs"]).await;
    assert_eq!((&third["sources"][0]["unchanged"], &third["sources"][0]["passages"]), (&1.into(), &0.into()));
}

#[tokio::test]
async fn a_search_shows_where_passages_stand_and_obeys_no_document() {
    let place = Place::new();
    place.good(&["ingest", "docs", "--tag", "shop"]).await;
    let shown = place.good(&["search", "exit", "code", "137", "--mode", "lexical"]).await;
    assert!(shown.starts_with("1. Out of memory > How to tell\n"), "{shown}");
    assert!(shown.contains("docs/memory.md:") && shown.contains("tag=memory (1), shop (1)"), "{shown}");
    let hostile = place.good(&["search", "ImagePullBackOff"]).await;
    assert!(hostile.contains("Check the tag") && !hostile.contains("\u{1b}[2J"), "{hostile:?}");
    assert!(hostile.contains("only"), "without a model the answer says so: {hostile}");
    let json = place.json(&["search", "registry", "--filter", "category=runbook"]).await;
    assert_eq!(json["results"], Value::Array(Vec::new()));
    let json = place.json(&["search", "killed", "--filter", "category=runbook", "-k", "1"]).await;
    assert_eq!(json["results"][0]["citation"]["path"], "memory.md");
    assert!(json["degraded"].is_string());
    let wrong = place.bad(&["search", "killed", "--filter", "colour=red"]).await;
    assert!(wrong.contains("category"), "it says which filters there are: {wrong}");
}

#[tokio::test]
async fn a_question_is_reworded_where_a_model_is_configured_and_else_it_is_said_that_it_is_not() {
    let place = Place::new();
    place.good(&["ingest", "docs"]).await;
    let asked = ["search", "--reformulate", "my box keeps dying", "--mode", "lexical", "-o", "json"];
    let without = place.run(&asked).await;
    assert!(without.status.success() && stderr(&without).contains("no language model is configured"));
    let found: Value = serde_json::from_slice(&without.stdout).unwrap();
    assert_eq!(found["results"], Value::Array(Vec::new()));

    let events = [
        r#"data: {"choices":[{"index":0,"delta":{"content":"- container OOMKilled\n- exit code 137"}}]}"#,
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":9}}"#,
        "data: [DONE]",
    ];
    let model = FakeProvider::answering([Canned::events(&events)]).await;
    let agents = format!(
        "[providers.own]\nkind = \"openai_compatible\"\nurl = \"{}/v1\"\n[models.small]\nprovider = \"own\"\nmodel = \"s\"\n",
        model.url()
    );
    std::fs::write(place.path("agents.toml"), agents).unwrap();
    let reworded = place.run(&asked).await;
    assert!(stderr(&reworded).contains("Also searched for: container OOMKilled"), "{}", stderr(&reworded));
    let found: Value = serde_json::from_slice(&reworded.stdout).unwrap();
    assert_eq!(found["results"][0]["citation"]["path"], "memory.md", "{found}");
    assert!(model.asked()[0].body.to_string().contains("my box keeps dying"));

    let silent = place.run(&asked).await;
    assert!(
        silent.status.success() && stderr(&silent).contains("gave no other wording"),
        "{}",
        stderr(&silent)
    );
}

#[tokio::test]
async fn an_empty_knowledge_base_says_how_to_fill_it() {
    let place = Place::new();
    let error = place.bad(&["search", "anything", "--knowledge", "elsewhere"]).await;
    assert!(error.contains("elsewhere") && error.contains("kubewright ingest"), "{error}");
    let incidents = place.bad(&["search", "anything", "--incidents"]).await;
    assert!(incidents.contains("no past incidents"), "{incidents}");
    let list = place.good(&["knowledge", "list", "--knowledge", "elsewhere"]).await;
    assert!(list.contains("kubewright ingest"), "{list}");
    for command in ["stats", "versions"] {
        place.bad(&["knowledge", command, "--knowledge", "elsewhere"]).await;
    }
    assert!(!place.path("elsewhere").exists() && !place.path("base").exists(), "to read makes no folders");
}

#[tokio::test]
async fn a_check_of_an_empty_knowledge_base_names_one_remedy_and_makes_no_folder() {
    let place = Place::new();
    let cluster = "[[clusters]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    std::fs::write(
        place.path("kubewright.toml"),
        format!("[knowledge]\nfolder = \"base\"\ndownload_models = false\n{cluster}"),
    )
    .unwrap();
    let check = async || -> Vec<Value> {
        let output = place.run(&["check", "-o", "json"]).await;
        let tried: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        tried.into_iter().filter(|tried| tried["area"] == "knowledge").collect()
    };
    let nothing = check().await;
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(
        nothing[0]["detail"].as_str().unwrap().contains("fill it with `kubewright ingest`"),
        "{nothing:?}"
    );
    assert!(!place.path("base").exists());
    // One that is opened and was never filled.
    std::fs::create_dir_all(place.path("base/documents")).unwrap();
    let empty = check().await;
    assert!(!empty.iter().any(|tried| tried["detail"].as_str().unwrap().contains("--rebuild")), "{empty:?}");
}

#[tokio::test]
async fn without_sources_the_list_of_sources_counts_else_the_runbooks_in_the_program() {
    let place = Place::new();
    let builtin = place.run(&["ingest"]).await;
    assert!(stderr(&builtin).contains("built-in runbooks alone"), "{}", stderr(&builtin));
    let stats = place.json(&["knowledge", "stats"]).await;
    assert!(stats["sources"]["builtin"].as_u64() > Some(10), "{stats}");
    // Named, they are the same.
    let named = place.json(&["ingest", "builtin"]).await;
    assert_eq!(
        (&named["sources"][0]["unchanged"], &named["sources"][0]["changed"]),
        (&stats["documents"], &0.into())
    );
    std::fs::write(place.path("sources.toml"), "[[source]]\nname = \"ours\"\npath = \"docs\"\n").unwrap();
    let pruned = place.json(&["ingest", "--prune"]).await;
    assert_eq!(
        (&pruned["sources"][0]["source"], &pruned["sources"][0]["added"]),
        (&"ours".into(), &2.into())
    );
    assert_eq!(pruned["sources"][1]["source"], "builtin");
    assert_eq!(place.json(&["knowledge", "stats"]).await["sources"], serde_json::json!({ "ours": 2 }));
    std::fs::write(place.path("other.toml"), "[[source]]\nname = \"ours\"\ncolour = \"red\"\n").unwrap();
    let error = place.bad(&["ingest", "--manifest", "other.toml"]).await;
    assert!(error.contains("other.toml") && error.contains("colour"), "{error}");
}

#[tokio::test]
async fn a_source_that_cannot_be_read_fails_and_keeps_what_was_there() {
    let place = Place::new();
    place.good(&["ingest", "docs", "--name", "ours"]).await;
    std::fs::write(place.path("broken.zip"), "this is no archive").unwrap();
    let failed = place.run(&["ingest", "broken.zip", "--name", "ours", "-o", "json"]).await;
    assert_eq!(failed.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert!(report["sources"][0]["error"].is_string(), "{report}");
    assert_eq!(place.json(&["knowledge", "list", "ours"]).await.as_array().unwrap().len(), 2);
    let missing = place.bad(&["ingest", "nowhere", "neither"]).await;
    assert!(missing.contains("nowhere") && missing.contains("neither"), "all at once: {missing}");
    assert_eq!(missing.matches("A source is a file").count(), 1, "what is possible is said once: {missing}");
}

#[tokio::test]
async fn documents_are_shown_rated_and_removed() {
    let place = Place::new();
    place.good(&["ingest", "docs"]).await;
    let list = place.good(&["knowledge", "list"]).await;
    assert_eq!(words(&list, 2), ["docs", "memory.md", "1", "Out", "of", "memory"], "{list}");
    let shown = place.good(&["knowledge", "show", "docs", "memory.md"]).await;
    assert!(shown.contains("category=runbook  tag=memory") && shown.contains("OOMKilled"), "{shown}");
    let found = place.json(&["search", "OOMKilled"]).await;
    let id = found["results"][0]["id"].as_str().unwrap();
    let rated = place.json(&["knowledge", "feedback", id, "--helpful"]).await;
    assert!(rated["trust"].as_f64() > found["results"][0]["parts"]["trust"].as_f64(), "{rated}");
    assert_eq!(place.run(&["knowledge", "feedback", id]).await.status.code(), Some(2));
    let unasked = place.bad(&["knowledge", "remove", "docs"]).await;
    assert!(unasked.contains("--yes"), "{unasked}");
    let removed = place.good(&["knowledge", "remove", "docs", "image.md", "--yes"]).await;
    assert_eq!(removed, "Removed 1 document.\n");
    assert_eq!(place.json(&["knowledge", "list"]).await.as_array().unwrap().len(), 1);
    let gone = place.bad(&["knowledge", "show", "docs", "image.md"]).await;
    assert!(gone.contains("kubewright knowledge list"), "{gone}");
}

#[tokio::test]
async fn a_watch_takes_changes_in_until_it_is_stopped() {
    let place = Place::new();
    let mut watching = place.command(&["ingest", "docs", "--watch"]).spawn().unwrap();
    let mut told = BufReader::new(watching.stderr.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = told.next_line().await.unwrap() {
            if line.starts_with("Watching") {
                return;
            }
        }
        panic!("it never watched");
    };
    tokio::time::timeout(LIMIT, ready).await.unwrap();
    std::fs::write(place.path("docs/new.md"), "# New\n\nUnheard of.\n").unwrap();
    let mut shown = BufReader::new(watching.stdout.take().unwrap()).lines();
    let added = async {
        while let Some(line) = shown.next_line().await.unwrap() {
            if words(&line, 0).get(..4) == Some(&["docs", "-", "1", "0"]) {
                return;
            }
        }
        panic!("the change was never seen");
    };
    tokio::time::timeout(LIMIT, added).await.unwrap();
    interrupt(&watching);
    assert!(tokio::time::timeout(LIMIT, watching.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn an_interrupted_ingestion_ends_and_leaves_the_last_version() {
    let place = Place::new();
    place.good(&["ingest", "docs", "--name", "ours"]).await;
    let mut command = place.command(&["ingest", "-", "--name", "ours"]);
    // Nobody ever writes into this pipe or closes it.
    let mut reading = command.stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reading.stdin.take();
    let mut told = BufReader::new(reading.stderr.take().unwrap()).lines();
    let started = tokio::time::timeout(LIMIT, told.next_line()).await.unwrap().unwrap();
    assert_eq!(started.as_deref(), Some("Reading standard input."));
    interrupt(&reading);
    let stopped = tokio::time::timeout(LIMIT, told.next_line()).await.unwrap().unwrap();
    assert!(stopped.is_some_and(|line| line.starts_with("Stopped")));
    assert_eq!(tokio::time::timeout(LIMIT, reading.wait()).await.unwrap().unwrap().code(), Some(1));
    drop(pipe);
    assert_eq!(place.json(&["knowledge", "list", "ours"]).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_search_is_measured_on_questions_with_known_answers() {
    let place = Place::new();
    let queries = "{\"id\":\"a\",\"query\":\"container killed with exit code 137\",\"relevant\":[\"memory.md\"]}\n\
                   {\"id\":\"b\",\"query\":\"the registry refuses the image\",\"relevant\":[\"image.md\"]}\n";
    std::fs::write(place.path("queries.jsonl"), queries).unwrap();
    let args = ["eval", "retrieval", "--corpus", "docs", "--queries", "queries.jsonl"];
    let output = place.run(&[&args[..], &["-o", "json"]].concat()).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("The mode vector is left out"), "{}", stderr(&output));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["modes"]["lexical"]["hit@1"], 1.0);
    assert!(figures["modes"]["hybrid"].is_object() && figures["modes"]["vector"].is_null(), "{figures}");
    assert!(place.good(&args).await.starts_with("2 queries, "));
    let vector = place.bad(&[&args[..], &["--mode", "vector"]].concat()).await;
    assert!(vector.contains("cannot be measured"), "{vector}");
    let astray = queries.replace("image.md", "docs/image.md");
    std::fs::write(place.path("queries.jsonl"), &astray).unwrap();
    let figures = place.json(&args).await;
    assert_eq!(figures["not_in_corpus"], serde_json::json!({ "b": ["docs/image.md"] }), "{figures}");
    let shown = place.good(&args).await;
    assert!(shown.contains("does not have") && shown.contains("b: docs/image.md"), "{shown}");
    std::fs::write(place.path("queries.jsonl"), astray.replace("memory.md", "docs/memory.md")).unwrap();
    let none = place.bad(&args).await;
    assert!(none.contains("relative to the corpus") && none.contains("named like image.md"), "{none}");
    std::fs::write(place.path("queries.jsonl"), "nonsense\n").unwrap();
    let wrong = place.bad(&args).await;
    assert!(wrong.contains("queries.jsonl") && wrong.contains("line 1"), "{wrong}");
}

#[tokio::test]
async fn without_its_rules_the_guard_lets_nothing_be_ingested_and_a_check_says_why() {
    let place = Place::new();
    let rules = "[[rules]]\nid = \"badge\"\nregex = \"(\"\n";
    std::fs::write(place.path("rules.toml"), rules).unwrap();
    let settings = "[knowledge]\nmodel = \"none\"\nfolder = \"base\"\n[egress]\nrules = \"rules.toml\"\n";
    let cluster = "[[clusters]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    std::fs::write(place.path("kubewright.toml"), format!("{settings}{cluster}")).unwrap();
    let refused = place.bad(&["ingest", "docs"]).await;
    assert!(refused.contains("could not set up the egress guard"), "{refused}");
    let output = place.run(&["check", "-o", "json"]).await;
    assert!(!output.status.success());
    let tried: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let guard = tried.iter().find(|tried| tried["area"] == "egress").unwrap();
    assert_eq!(guard["ok"], false);
    assert!(guard["detail"].as_str().unwrap().contains("rule badge does not compile"), "{guard}");
}

#[tokio::test]
async fn a_check_says_that_search_is_by_words_only_without_failing_for_it() {
    let place = Place::new();
    let knowledge = "[knowledge]\nmodel = \"none\"\nfolder = \"base\"\n";
    let cluster = "[[clusters]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    std::fs::write(place.path("kubewright.toml"), format!("{knowledge}{cluster}")).unwrap();
    place.good(&["ingest", "docs"]).await;
    let output = place.run(&["check", "-o", "json"]).await;
    let tried: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ours: Vec<&Value> = tried.iter().filter(|tried| tried["area"] == "knowledge").collect();
    assert_eq!(ours.len(), 2, "{tried:?}");
    assert!(ours.iter().all(|tried| tried["ok"] == true), "{ours:?}");
    assert!(ours[0]["detail"].as_str().unwrap().starts_with("2 with "), "{ours:?}");
    assert!(ours[1]["detail"].as_str().unwrap().starts_with("search is by words only: "), "{ours:?}");
}

//! kubewright as a server over HTTP: the whole program in front of a simulated cluster in trouble.

use kubewright::app::App;
use kubewright::settings::{Environment, Settings};
use kubewright::telemetry::metrics;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN};
use rmcp::service::ClientServiceExt as _;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Connected, assert_offer, call, client, lifecycles, text};
use crate::support::http_client;
use crate::support::stage::Stage;

const TOKEN: &str = "a-token-for-tests";

struct Served {
    url: String,
    _stop: DropGuard,
    _folder: TempDir,
}

/// Starts the program with a token in front of the clusters.
async fn serve(clusters: &str) -> Served {
    http_client();
    let folder = tempfile::tempdir().unwrap();
    let environment = Environment::from([("TOKEN".to_owned(), TOKEN.to_owned())]);
    let text = format!(
        "[server]\ntoken = {{ env = \"TOKEN\" }}\n[store]\nurl = \"sqlite://{}\"\n[knowledge]\nenabled = false\n{clusters}\n",
        folder.path().join("kubewright.db").display()
    );
    let settings = Settings::parse(&text, "test.toml", &environment).unwrap();
    let app = App::build(settings, metrics::recorder().unwrap().handle()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    tokio::spawn(app.run(listener, shutdown.clone()));
    Served { url, _stop: shutdown.drop_guard(), _folder: folder }
}

const NOBODY: &str = "[[clusters]]\nname = \"northwind\"\nurl = \"http://127.0.0.1:1\"\n";

async fn connect(served: &Served, lifecycle: rmcp::service::ClientLifecycleMode) -> Connected {
    let config = StreamableHttpClientTransportConfig::with_uri(served.url.as_str()).auth_header(TOKEN);
    let transport = StreamableHttpClientTransport::with_client(http_client(), config);
    client().serve_with_lifecycle(transport, lifecycle).await.unwrap()
}

#[tokio::test]
async fn an_assistant_diagnoses_a_cluster_in_either_generation_of_the_protocol() {
    let cluster = Stage::broken("bad-deploy").await;
    let served = serve(&cluster.cluster(&cluster.kubernetes_url())).await;
    for lifecycle in lifecycles() {
        let connected = connect(&served, lifecycle).await;
        assert_offer(&connected).await;
        let result = call(&connected, "diagnose", json!({"namespace": "shop"})).await.unwrap();
        let shown = text(&result);
        assert_eq!(result.is_error, Some(false), "{shown}");
        assert!(shown.contains("Possible causes, most likely first:\n- deploy."), "{shown}");
        assert!(shown.starts_with("<<<untrusted "), "what was read is fenced: {shown}");
        connected.cancel().await.unwrap();
    }
    assert!(cluster.changes_by_kubewright().await.is_empty(), "reading changes nothing");
}

#[tokio::test]
async fn mistakes_are_told_so_that_a_model_can_mend_them() {
    let served = serve(NOBODY).await;
    let [_, lifecycle] = lifecycles();
    let connected = connect(&served, lifecycle).await;
    let unknown = call(&connected, "kubectl_delete", json!({})).await.unwrap_err().to_string();
    assert!(unknown.contains("there is no tool \"kubectl_delete\"; there are"), "{unknown}");
    let wrong = call(&connected, "diagnose", json!({"namespace": 7})).await.unwrap();
    assert!(wrong.is_error == Some(true) && text(&wrong).contains("namespace: invalid type"), "{wrong:?}");
    let extra = call(&connected, "incidents_list", json!({"colour": "red"})).await.unwrap();
    assert!(extra.is_error == Some(true) && text(&extra).contains("unknown field `colour`"), "{extra:?}");
    let cluster = call(&connected, "incidents_list", json!({"cluster": "moon"})).await.unwrap();
    assert!(text(&cluster).contains("there are northwind"), "{cluster:?}");
    let refused =
        call(&connected, "kubectl", json!({"command": "kubectl delete pod x -n shop"})).await.unwrap();
    assert!(refused.is_error == Some(true) && text(&refused).contains("refused"), "{refused:?}");
    let none = call(&connected, "incidents_list", json!({})).await.unwrap();
    assert!(text(&none).contains("There are no such incidents."), "{none:?}");
}

#[tokio::test]
async fn what_leaves_is_scrubbed() {
    let served = serve(NOBODY).await;
    let [lifecycle, _] = lifecycles();
    let connected = connect(&served, lifecycle).await;
    let secret = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let answer = call(&connected, "incident_show", json!({"incident": secret})).await.unwrap();
    assert!(text(&answer).contains("there is no incident"), "{answer:?}");
    assert!(!text(&answer).contains(&secret), "{answer:?}");
}

/// A request as a client without rmcp would make it.
fn post(served: &Served, body: &Value) -> reqwest::RequestBuilder {
    http_client()
        .post(&served.url)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json, text/event-stream")
        .json(body)
}

fn list() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

#[tokio::test]
async fn nobody_is_let_in_without_the_token_or_from_another_site() {
    let served = serve(NOBODY).await;
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(post(&served, &list())).await, 401);
    assert_eq!(status(post(&served, &list()).bearer_auth("another")).await, 401);
    let from = |site: &str| post(&served, &list()).bearer_auth(TOKEN).header(ORIGIN, site);
    assert_eq!(status(from("https://evil.example")).await, 403);
    assert_eq!(status(from("null")).await, 403);
    let named = post(&served, &list()).bearer_auth(TOKEN).header(HOST, "kubewright.prod.svc:8080");
    assert_eq!(status(named).await, 200, "with a token the server may have any name");
    assert_eq!(status(post(&served, &list()).bearer_auth(TOKEN)).await, 200);
}

#[tokio::test]
async fn garbage_and_too_much_are_refused_in_the_words_of_the_protocol() {
    let served = serve(NOBODY).await;
    let send = async |body: Vec<u8>| {
        let request = post(&served, &Value::Null).bearer_auth(TOKEN).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, _) = send(vec![b'x'; (1 << 20) + 1]).await;
    assert_eq!(status, 413);
    for garbage in [b"\xff\xfe{".to_vec(), b"[1, 2".to_vec(), b"{\"jsonrpc\": \"1.0\"}".to_vec()] {
        let (status, body) = send(garbage).await;
        assert!((400..500).contains(&status), "{status} {body}");
    }
    let stream = http_client().get(&served.url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(stream.status(), 405, "there are no sessions to listen to");
}

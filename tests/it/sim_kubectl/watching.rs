//! get -w, logs -f and wait.

use std::process::Stdio;
use std::time::Duration;

use kubewright::sim::kinds::{DEPLOYMENTS, PODS};
use kubewright::sim::objects::Deletion;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::stage::Stage;

struct Following {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(stage: &Stage, line: &str) -> Self {
        let mut child = stage.kubectl.command(line).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, lines }
    }

    /// The next line, in words; none when the stream ended.
    async fn next(&mut self) -> Option<String> {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await;
        line.expect("no line in time")
            .unwrap()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

#[tokio::test]
async fn get_w_prints_a_row_for_every_change() {
    let stage = Stage::start().await;
    // A list: for a single object kubectl swallows the first event, whatever it says.
    let mut watch = Following::start(&stage, "get deploy -w --no-headers");
    assert!(watch.next().await.unwrap().starts_with("web 1/2 2 1 "));
    stage.store.modify(&DEPLOYMENTS, "shop", "web", |web| web["spec"]["replicas"] = json!(4)).unwrap();
    assert!(watch.next().await.unwrap().starts_with("web 1/4 2 1 "));
    let mut table = Following::start(&stage, "get pods -w");
    for start in ["NAME READY STATUS", "web-1-good 1/1 Running", "web-1-sick 0/1 CrashLoopBackOff"] {
        let line = table.next().await.unwrap();
        assert!(line.starts_with(start), "{line}");
    }
    stage.store.delete(&PODS, "shop", "web-1-good", &Deletion::default()).unwrap();
    let line = table.next().await.unwrap();
    assert!(line.starts_with("web-1-good 1/1 Terminating"), "{line}");
}

#[tokio::test]
async fn logs_f_follows_until_the_container_ends() {
    let stage = Stage::start().await;
    let mut logs = Following::start(&stage, "logs -f web-1-good --tail=1");
    assert_eq!(logs.next().await, Some("GET /ready 200".to_owned()));
    stage.logs.append("shop", "web-1-good", "web", 0, stage.store.now(), "GET /cart 500");
    stage.logs.append("shop", "web-1-sick", "web", 2, stage.store.now(), "another pod's line");
    assert_eq!(logs.next().await, Some("GET /cart 500".to_owned()));
    stage.store.remove(&PODS, "shop", "web-1-good");
    assert_eq!(logs.next().await, None);
}

#[tokio::test]
async fn wait_ends_when_the_condition_holds() {
    let stage = Stage::start().await;
    let waiting = stage.kubectl.ok("wait --for=condition=Available deploy/web --timeout=60s");
    let turning = async {
        // The condition may come before or after kubectl looks; it must see it either way.
        let available = json!([{"type": "Available", "status": "True"}]);
        stage
            .store
            .modify(&DEPLOYMENTS, "shop", "web", |web| web["status"]["conditions"] = available)
            .unwrap();
    };
    assert_eq!(tokio::join!(waiting, turning).0, "deployment.apps/web condition met\n");
}

//! The real server: the program as users run it, in a process of its own that can be killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kubewright::incident::{Incident, Recorded};
use serde_json::Value;

use super::{eventually, free_port, http_client};

/// A running `kubewright serve` with its files.
pub(crate) struct Server {
    child: Child,
    port: u16,
    config: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Writes the configuration (`extra` is appended) into `folder`, starts the program and waits until it is ready.
    pub(crate) async fn start(folder: &Path, cluster: &str, extra: &str) -> Self {
        let port = free_port();
        let config = folder.join("kubewright.toml");
        let database = folder.join("kubewright.db");
        // Reading the runbooks costs a second that most tests have no use for.
        let named = extra.contains("[knowledge]");
        let knowledge = if named { "" } else { "[knowledge]\nenabled = false\n" };
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n[store]\nurl = \"sqlite://{}\"\n{knowledge}{extra}\n{cluster}\n",
            database.display()
        );
        std::fs::write(&config, text).unwrap();
        let log = folder.join("server.log");
        let mut server = Self { child: spawn(&config, &log), port, config, log };
        server.wait_until_ready().await;
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// SIGKILL: no destructor runs, no buffer is flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as Kubernetes and systemd send it; waits for the orderly end.
    pub(crate) fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// Starts the program again on the same files.
    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.config, &self.log);
        self.wait_until_ready().await;
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = http_client().post(self.url(path)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        http_client().get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn incident(&self, id: &str) -> Incident {
        let body = self.get(&format!("/api/v1/incidents/{id}")).await;
        serde_json::from_value(body.get("incident").cloned().unwrap_or(body)).unwrap()
    }

    pub(crate) async fn events(&self, id: &str) -> Vec<Recorded> {
        let body = self.get(&format!("/api/v1/incidents/{id}/events")).await;
        serde_json::from_value(body.get("events").cloned().unwrap_or(body)).unwrap()
    }

    /// The one incident that there is, once there is one.
    pub(crate) async fn only_incident(&self) -> String {
        eventually("an incident opens", Duration::from_secs(30), async || {
            let page = self.get("/api/v1/incidents").await;
            let items = page.get("incidents").or(page.get("items"))?.as_array()?.clone();
            assert!(items.len() <= 1, "more than one incident: {items:?}");
            Some(items.first()?.get("id")?.as_str()?.to_owned())
        })
        .await
    }

    async fn wait_until_ready(&mut self) {
        let url = self.url("/readyz");
        let log = self.log.clone();
        eventually("the server is ready", Duration::from_secs(20), async || {
            let answer = http_client().get(&url).send().await;
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            answer.ok().filter(|answer| answer.status().is_success()).map(drop)
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("server log:\n{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

fn spawn(config: &Path, log: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kubewright"))
        .args(["serve", "--config"])
        .arg(config)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

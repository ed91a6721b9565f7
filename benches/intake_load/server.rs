//! The server under load: the real program with a file of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

const READY: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Server {
    /// Base URL.
    pub(crate) url: String,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
    process: Child,
}

impl Server {
    /// Starts the program with its data in `folder`, and waits until it is ready.
    pub(crate) async fn start(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let config = folder.join("kubewright.toml");
        std::fs::write(&config, settings(address, &folder.join("kubewright.db")))?;
        let log = std::fs::File::create(folder.join("server.log"))?;
        let began = Instant::now();
        let mut process = Command::new(env!("CARGO_BIN_EXE_kubewright"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting kubewright")?;
        let url = format!("http://{address}");
        while !ready(&url).await {
            if began.elapsed() > READY || process.try_wait()?.is_some() {
                bail!(
                    "not ready: {}",
                    std::fs::read_to_string(folder.join("server.log")).unwrap_or_default()
                );
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(Self { url, ready_after: began.elapsed(), process })
    }

    /// Resident memory, KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Ends it with SIGKILL: nothing is flushed, nobody is told.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.process.kill().await?;
        Ok(())
    }
}

async fn ready(url: &str) -> bool {
    let answer = reqwest::get(format!("{url}/readyz")).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A cluster that cannot be reached: every incident is worked on and goes to people, as in a bad night.
fn settings(address: SocketAddr, database: &Path) -> String {
    format!(
        "[server]\nlisten = \"{address}\"\n\n[store]\nurl = \"sqlite://{}\"\n\n[[clusters]]\nname = \"load\"\nurl = \
         \"http://127.0.0.1:9\"\n",
        database.display()
    )
}

//! The clients: each reads its stream word by word and compares clocks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::{Value, json};

use crate::slow::{WORDS, now};

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Which wire is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// `/v1/chat/completions`
    OpenAi,
    /// `/api/v1/chat`, whose conversations are kept.
    Native,
}

impl Wire {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Native => "/api/v1/chat",
        }
    }

    fn body(self) -> Value {
        match self {
            Self::OpenAi => json!({
                "model": "kubewright", "stream": true, "messages": [{ "role": "user", "content": "why is it slow?" }],
            }),
            Self::Native => json!({ "message": "why is it slow?" }),
        }
    }

    /// The text of one event, and whether it is the last.
    fn read(self, data: &str) -> Result<(String, bool)> {
        if data == "[DONE]" {
            return Ok((String::new(), true));
        }
        let event: Value = serde_json::from_str(data)?;
        ensure!(event.get("error").is_none(), "{data}");
        let text = match self {
            Self::OpenAi => event.pointer("/choices/0/delta/content"),
            Self::Native if event.get("type").is_some() => event.get("text"),
            Self::Native => None,
        };
        let over = self == Self::Native && event.get("usage").is_some();
        Ok((text.and_then(Value::as_str).unwrap_or_default().to_owned(), over))
    }
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) failures: Vec<String>,
    turns: u64,
    /// Microseconds from saying a word to reading it.
    chunk: Histogram<u64>,
    /// Microseconds of a turn beyond those from the first word said to the last.
    turn: Histogram<u64>,
    /// How much memory came on top while all chats were open, bytes.
    memory: u64,
}

impl Measured {
    fn new() -> Result<Self> {
        // Up to a minute in microseconds, two digits.
        let histogram = Histogram::new_with_max(60_000_000, 2)?;
        Ok(Self { failures: Vec::new(), turns: 0, chunk: histogram.clone(), turn: histogram, memory: 0 })
    }

    fn add(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.turns += other.turns;
        // Both have the same bounds.
        let _ = (self.chunk.add(&other.chunk), self.turn.add(&other.turn));
    }

    /// A line of the table.
    pub(crate) fn row(&self, name: &str, chats: usize) -> String {
        let ms = |histogram: &Histogram<u64>, quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        format!(
            "{name:<26} {:>6} {:>7} {:>13.2} {:>13.2} {:>13.2} {:>13.2} {:>12.0}",
            self.turns,
            self.failures.len(),
            ms(&self.chunk, 0.5),
            ms(&self.chunk, 0.99),
            ms(&self.turn, 0.5),
            ms(&self.turn, 0.99),
            self.memory as f64 / 1024.0 / chats as f64
        )
    }
}

/// As many clients as chats.
pub(crate) struct Clients {
    url: String,
    client: Client,
    chats: usize,
}

impl Clients {
    pub(crate) fn new(url: &str, chats: usize) -> Result<Self> {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(chats).build()?;
        Ok(Self { url: url.to_owned(), client, chats })
    }

    /// Lets every chat take `turns` turns.
    pub(crate) async fn run(&self, wire: Wire, turns: usize) -> Result<Measured> {
        let before = resident()?;
        let running: Vec<_> = (0..self.chats)
            .map(|_| {
                tokio::spawn(chat(self.client.clone(), format!("{}{}", self.url, wire.path()), wire, turns))
            })
            .collect();
        let watch = tokio::spawn(peak());
        let mut all = Measured::new()?;
        for one in running {
            all.add(one.await??);
        }
        watch.abort();
        all.memory = PEAK.swap(0, Ordering::Relaxed).saturating_sub(before);
        Ok(all)
    }
}

/// Most memory that was seen in the run, bytes.
static PEAK: AtomicU64 = AtomicU64::new(0);

/// Looks at memory until it is aborted.
async fn peak() {
    loop {
        PEAK.fetch_max(resident().unwrap_or(0), Ordering::Relaxed);
        tokio::time::sleep(LOOK).await;
    }
}

async fn chat(client: Client, url: String, wire: Wire, turns: usize) -> Result<Measured> {
    let mut measured = Measured::new()?;
    for _ in 0..turns {
        measured.turns += 1;
        if let Err(error) = turn(&client, &url, wire, &mut measured).await {
            measured.failures.push(format!("{error:#}"));
        }
    }
    Ok(measured)
}

async fn turn(client: &Client, url: &str, wire: Wire, measured: &mut Measured) -> Result<()> {
    let sent = now();
    let mut response = client.post(url).json(&wire.body()).send().await?.error_for_status()?;
    let (mut pending, mut said, mut over) = (String::new(), Vec::new(), false);
    while let Some(piece) = response.chunk().await? {
        pending.push_str(std::str::from_utf8(&piece)?);
        while let Some((event, rest)) = pending.split_once("\n\n") {
            let data = event.lines().find_map(|line| line.strip_prefix("data:")).map(str::trim_start);
            if let Some(data) = data {
                let (text, last) = wire.read(data)?;
                over |= last;
                for word in text.split_whitespace() {
                    let at: u64 = word.parse().context("a word that was never said")?;
                    measured.chunk.saturating_record(now().saturating_sub(at));
                    said.push(at);
                }
            }
            pending = rest.to_owned();
        }
    }
    ensure!(over, "the stream ended early");
    ensure!(said.len() == WORDS && said.is_sorted(), "{} of {WORDS} words came", said.len());
    let (first, last) = (said.first().copied().unwrap_or(sent), said.last().copied().unwrap_or(sent));
    // The pause before the first word is the model's as well.
    let pause = (last - first) / u64::try_from(WORDS - 1)?;
    measured.turn.saturating_record((now() - sent).saturating_sub(last - first).saturating_sub(pause));
    Ok(())
}

/// Resident memory of this process, bytes: server and clients.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

//! The senders, what they measured, and what they were promised.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What one run sends.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Most alerts in all.
    pub(crate) alerts: usize,
    /// Alerts in one delivery.
    pub(crate) group: usize,
    /// When to stop at the latest.
    pub(crate) lasts: Duration,
}

/// What one run measured.
pub(crate) struct Measured {
    acknowledged: usize,
    /// Deliveries that were not acknowledged.
    pub(crate) failed: usize,
    took: Duration,
    /// Microseconds from sending to the answer.
    latency: Histogram<u64>,
}

/// Senders that share a counter, so that every alert is distinct.
#[derive(Clone)]
pub(crate) struct Load {
    url: String,
    clients: Vec<Client>,
    next: Arc<AtomicUsize>,
    acknowledged: Arc<Mutex<HashSet<usize>>>,
    /// An empty histogram, to copy.
    latency: Histogram<u64>,
}

impl Load {
    /// `clients` senders with a connection each.
    pub(crate) fn new(url: &str, clients: usize) -> Result<Self> {
        let client = || Client::builder().timeout(TIMEOUT).pool_max_idle_per_host(1).no_proxy().build();
        Ok(Self {
            url: url.to_owned(),
            clients: (0..clients).map(|_| client()).collect::<Result<_, _>>()?,
            next: Arc::new(AtomicUsize::new(0)),
            acknowledged: Arc::default(),
            // Up to a minute in microseconds, two digits.
            latency: Histogram::new_with_max(60_000_000, 2)?,
        })
    }

    /// The same senders, for a server at another address.
    pub(crate) fn moved_to(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// Sends until all alerts are sent, the time is up, or the server is gone.
    pub(crate) async fn run(&self, run: Run) -> Measured {
        let end = self.next.load(Ordering::Relaxed) + run.alerts;
        let began = Instant::now();
        let senders: Vec<_> = self
            .clients
            .iter()
            .map(|client| tokio::spawn(self.clone().send(client.clone(), run, end, began)))
            .collect();
        let mut all = self.nothing();
        for sender in senders {
            match sender.await {
                Ok(one) => all.add(&one),
                Err(_) => all.failed += 1,
            }
        }
        all.took = began.elapsed();
        all
    }

    fn nothing(&self) -> Measured {
        Measured { acknowledged: 0, failed: 0, took: Duration::ZERO, latency: self.latency.clone() }
    }

    async fn send(self, client: Client, run: Run, end: usize, began: Instant) -> Measured {
        let mut measured = self.nothing();
        while began.elapsed() < run.lasts {
            let first = self.next.fetch_add(run.group, Ordering::Relaxed);
            if first + run.group > end {
                break;
            }
            let payload = payload(first, run.group);
            let sent = Instant::now();
            let request = client.post(format!("{}/api/v1/webhooks/alertmanager", self.url)).json(&payload);
            match request.send().await {
                Ok(answer) if answer.status() == StatusCode::ACCEPTED => {
                    let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
                    measured.latency.saturating_record(micros);
                    measured.acknowledged += run.group;
                    let mut promised = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                    promised.extend(first..first + run.group);
                }
                Ok(_) => measured.failed += 1,
                Err(_) => {
                    measured.failed += 1;
                    break;
                }
            }
        }
        measured
    }

    /// Titles of the alerts that were acknowledged and that the server no longer has.
    pub(crate) async fn missing(&self) -> Result<Vec<String>> {
        let client = self.clients.first().context("no client")?;
        let promised = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut missing: HashSet<String> = promised.into_iter().map(title).collect();
        let mut cursor = None::<String>;
        loop {
            let mut request = client.get(format!("{}/api/v1/incidents", self.url)).query(&[("limit", "200")]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let page: Value = request.send().await?.error_for_status()?.json().await?;
            for incident in page.get("incidents").and_then(Value::as_array).context("no incidents")? {
                missing.remove(incident.get("title").and_then(Value::as_str).unwrap_or_default());
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                let mut missing: Vec<String> = missing.into_iter().collect();
                missing.sort_unstable();
                return Ok(missing);
            }
        }
    }
}

impl Measured {
    fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
    }

    /// A line of the table.
    pub(crate) fn row(&self, name: &str) -> String {
        let rate = self.acknowledged as f64 / self.took.as_secs_f64();
        let ms = |micros: u64| micros as f64 / 1000.0;
        format!(
            "{name:<34} {:>9} {rate:>9.0} {:>9.1} {:>9.1} {:>9.1}",
            self.acknowledged,
            ms(self.latency.value_at_quantile(0.5)),
            ms(self.latency.value_at_quantile(0.99)),
            ms(self.latency.max())
        )
    }
}

fn title(number: usize) -> String {
    format!("load alert {number}")
}

/// A delivery as Alertmanager makes it, about `count` workloads of their own.
fn payload(first: usize, count: usize) -> Value {
    let alerts: Vec<Value> = (first..first + count).map(alert).collect();
    json!({
        "receiver": "kubewright", "status": "firing", "alerts": alerts, "groupLabels": {"alertname": "KubePodCrashLooping"},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager:9093", "version": "4",
        "groupKey": "{}:{alertname=\"KubePodCrashLooping\"}", "truncatedAlerts": 0,
    })
}

fn alert(number: usize) -> Value {
    json!({
        "status": "firing",
        "labels": {
            "alertname": "KubePodCrashLooping", "cluster": "load", "container": "app", "severity": "warning",
            "namespace": format!("team-{}", number % 50), "pod": format!("service-{number}-7d9f8b6c5-x2x9k"),
        },
        "annotations": {
            "summary": title(number),
            "description": "Pod is in waiting state (reason: CrashLoopBackOff) on cluster load.",
            "runbook_url": "https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping",
        },
        "startsAt": "2026-11-21T03:29:47.124676575Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=max_over_time%28kube_pod_container_status_waiting_reason%5B5m%5D%29+%3E%3D+1&g0.tab=1",
        "fingerprint": format!("{number:016x}"),
    })
}

//! The simulated Alertmanager: tells a webhook which alerts fire and resolve, in its version 4 payload.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::prometheus::{ActiveAlert, AlertState};

/// Time after which alerts that still fire are sent again.
const REPEAT: Duration = Duration::from_secs(300);
const TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

/// Where alerts are sent.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// URL that takes Alertmanager's webhook payload.
    pub url: String,
    /// Bearer token, if one is needed.
    pub token: Option<String>,
}

/// What has been told about one group of alerts: which were told to fire, which to be resolved, and when.
#[derive(Debug, Default)]
struct Told {
    firing: Vec<String>,
    resolved: Vec<String>,
    at: Option<Timestamp>,
}

/// Alerts with the same name in the same namespace.
type Groups = BTreeMap<(String, String), Vec<ActiveAlert>>;

/// Sends alerts until cancelled.
pub(crate) async fn run(
    webhook: Webhook,
    clock: Clock,
    mut alerts: watch::Receiver<Vec<ActiveAlert>>,
    external_url: String,
    cancelled: CancellationToken,
) {
    // Only the first installation in a process counts; a second one is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = match reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build() {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "no alerts will be delivered"),
    };
    let mut told: BTreeMap<(String, String), Told> = BTreeMap::new();
    loop {
        let groups = group(&alerts.borrow_and_update());
        for (key, members) in groups {
            let told = told.entry(key.clone()).or_default();
            if told.is_news(&members, &clock) {
                let payload = payload(&key, &members, &external_url);
                match send(&client, &webhook, &payload).await {
                    Ok(()) => told.note(&members, clock.now()),
                    Err(error) => tracing::warn!(%error, url = webhook.url, "an alert was not delivered"),
                }
            }
        }
        tokio::select! {
            () = cancelled.cancelled() => return,
            changed = alerts.changed() => if changed.is_err() { return },
        }
    }
}

fn group(alerts: &[ActiveAlert]) -> Groups {
    let mut groups = Groups::new();
    for alert in alerts.iter().filter(|alert| alert.fired_at.is_some()) {
        let label = |name: &str| alert.labels.get(name).cloned().unwrap_or_default();
        groups.entry((label("alertname"), label("namespace"))).or_default().push(alert.clone());
    }
    groups
}

fn in_state(members: &[ActiveAlert], state: AlertState) -> Vec<String> {
    members.iter().filter(|alert| alert.state == state).map(identity).collect()
}

/// An alert and its start: one that fires anew is another.
fn identity(alert: &ActiveAlert) -> String {
    format!("{}@{}", fingerprint(alert), alert.active_since)
}

impl Told {
    fn is_news(&self, members: &[ActiveAlert], clock: &Clock) -> bool {
        let (firing, resolved) =
            (in_state(members, AlertState::Firing), in_state(members, AlertState::Resolved));
        let has_new = firing.iter().any(|id| !self.firing.contains(id))
            || resolved.iter().any(|id| !self.resolved.contains(id) && self.firing.contains(id));
        let is_due = !firing.is_empty() && self.at.is_some_and(|at| clock.is_over(at, REPEAT));
        has_new || is_due
    }

    fn note(&mut self, members: &[ActiveAlert], now: Timestamp) {
        self.firing = in_state(members, AlertState::Firing);
        self.resolved = in_state(members, AlertState::Resolved);
        self.at = Some(now);
    }
}

async fn send(client: &reqwest::Client, webhook: &Webhook, payload: &Value) -> Result<(), reqwest::Error> {
    let attempt = || async {
        let mut request = client.post(&webhook.url).header("User-Agent", "Alertmanager/0.27.0").json(payload);
        if let Some(token) = &webhook.token {
            request = request.bearer_auth(token);
        }
        request.send().await?.error_for_status().map(drop)
    };
    let patience = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_times(TRIES);
    attempt.retry(patience).await
}

/// A stable short hash of an alert's labels.
fn fingerprint(alert: &ActiveAlert) -> String {
    let mut digest = Sha256::new();
    for (name, value) in &alert.labels {
        digest.update(name.as_bytes());
        digest.update([0xff]);
        digest.update(value.as_bytes());
        digest.update([0xff]);
    }
    hex::encode(digest.finalize().get(..8).unwrap_or_default())
}

fn payload(key: &(String, String), members: &[ActiveAlert], external_url: &str) -> Value {
    let (alertname, namespace) = key;
    let firing = members.iter().any(|alert| alert.state == AlertState::Firing);
    let alerts: Vec<Value> = members.iter().map(|alert| alert_json(alert, external_url)).collect();
    let mut group_labels = BTreeMap::from([("alertname", alertname)]);
    let mut group_key = format!("{{}}:{{alertname=\"{alertname}\"");
    if !namespace.is_empty() {
        group_labels.insert("namespace", namespace);
        group_key.push_str(&format!(", namespace=\"{namespace}\""));
    }
    group_key.push('}');
    json!({
        "receiver": "kubewright", "status": if firing { "firing" } else { "resolved" }, "alerts": alerts,
        "groupLabels": group_labels,
        "commonLabels": common(members.iter().map(|alert| &alert.labels)),
        "commonAnnotations": common(members.iter().map(|alert| &alert.annotations)),
        "externalURL": external_url, "version": "4", "groupKey": group_key, "truncatedAlerts": 0,
    })
}

fn alert_json(alert: &ActiveAlert, external_url: &str) -> Value {
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("g0.expr", &alert.expr).finish();
    json!({
        "status": if alert.state == AlertState::Resolved { "resolved" } else { "firing" },
        "labels": alert.labels, "annotations": alert.annotations,
        "startsAt": alert.fired_at.unwrap_or(alert.active_since).to_string(),
        "endsAt": alert.resolved_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
        "generatorURL": format!("{external_url}/graph?{query}&g0.tab=1"),
        "fingerprint": fingerprint(alert),
    })
}

/// What all maps have in common.
fn common<'a>(mut maps: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut common = maps.next().cloned().unwrap_or_default();
    for map in maps {
        common.retain(|key, value| map.get(key) == Some(value));
    }
    common
}

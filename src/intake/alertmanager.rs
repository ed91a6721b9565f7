//! The Alertmanager webhook, version 4.
//!
//! Also what Prometheus-compatible senders (Grafana Mimir, Thanos Ruler, VictoriaMetrics' vmalert through Alertmanager)
//! deliver. `truncatedAlerts`, `fingerprint` and `generatorURL` are optional, unknown fields are passed over.

use jiff::Timestamp;

use super::IntakeError;
use super::webhook::{Parsed, Sender, parse};
use crate::incident::SignalSource;

/// The alerts of one webhook call.
///
/// # Errors
/// [`IntakeError`] when nothing of it can be taken. An alert that cannot be read among others that can is in
/// [`Parsed::rejected`].
pub fn signals(body: &[u8], received_at: Timestamp, default_cluster: &str) -> Result<Parsed, IntakeError> {
    let sender = Sender {
        source: SignalSource::Alertmanager,
        expected: "an Alertmanager webhook (version 4), an object with a list `alerts`",
        received_at,
        default_cluster,
        extras: &[],
    };
    parse(body, &sender)
}

#[cfg(test)]
#[path = "alertmanager_tests.rs"]
mod tests;

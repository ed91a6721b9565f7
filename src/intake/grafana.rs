//! The Grafana alerting webhook: Alertmanager's, with more about each alert.

use jiff::Timestamp;

use super::IntakeError;
use super::webhook::{Parsed, Sender, parse};
use crate::incident::SignalSource;

/// What Grafana adds to an alert, kept as annotations of the same name.
const EXTRAS: [&str; 5] = ["valueString", "values", "dashboardURL", "panelURL", "silenceURL"];

/// The alerts of one webhook call.
///
/// # Errors
/// [`IntakeError`] when nothing of it can be taken. An alert that cannot be read among others that can is in
/// [`Parsed::rejected`].
pub fn signals(body: &[u8], received_at: Timestamp, default_cluster: &str) -> Result<Parsed, IntakeError> {
    let sender = Sender {
        source: SignalSource::Grafana,
        expected: "a Grafana alerting webhook, an object with a list `alerts`",
        received_at,
        default_cluster,
        extras: &EXTRAS,
    };
    parse(body, &sender)
}

#[cfg(test)]
#[path = "grafana_tests.rs"]
mod tests;

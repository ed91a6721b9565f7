//! Following the event stream of a server, over broken connections too.

use std::time::Duration;

use anyhow::Context;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::Client;
use super::client::Unreachable;
use super::narrate::narrate;
use super::output::{Format, print};
use super::sse::{Decoder, ServerEvent};
use super::text;
use crate::http::FeedEvent;
use crate::incident::{IncidentId, Recorded};

/// Waits between attempts to connect again; after the last one it is given up.
const WAITS: [u64; 6] = [0, 1, 2, 5, 10, 20];

/// Follows one incident until it is closed, or all of them, until `shutdown`.
pub(super) async fn run(
    id: Option<&str>,
    client: &Client,
    format: Format,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let mut watch = Watch { client, id, format, last_event_id: String::new(), failures: 0 };
    shutdown.run_until_cancelled(watch.follow()).await.unwrap_or(Ok(()))
}

struct Watch<'a> {
    client: &'a Client,
    id: Option<&'a str>,
    format: Format,
    last_event_id: String,
    /// Connections in a row that brought nothing.
    failures: usize,
}

impl Watch<'_> {
    async fn follow(&mut self) -> anyhow::Result<()> {
        loop {
            match self.connection().await {
                Ok(true) => return Ok(()),
                Ok(false) => tracing::debug!("the server ended the stream; connecting again"),
                Err(error) if self.is_worth_another_try(&error) => {
                    tracing::debug!(%error, "the stream broke; connecting again");
                }
                Err(error) => return Err(error),
            }
            let Some(wait) = WAITS.get(self.failures) else {
                anyhow::bail!("the stream from {} broke and could not be resumed", self.client.server());
            };
            self.failures += 1;
            tokio::time::sleep(Duration::from_secs(*wait)).await;
        }
    }

    /// A server that was never reached is more likely misnamed than restarting.
    fn is_worth_another_try(&self, error: &anyhow::Error) -> bool {
        let broken = error.is::<Unreachable>() || error.is::<reqwest::Error>();
        broken && !self.last_event_id.is_empty()
    }

    /// Follows one connection; `true` once the incident is closed.
    async fn connection(&mut self) -> anyhow::Result<bool> {
        let path: Vec<&str> = match self.id {
            Some(id) => vec!["api", "v1", "incidents", id, "events", "stream"],
            None => vec!["api", "v1", "events", "stream"],
        };
        let mut response = self.client.stream(&path, &self.last_event_id).await?;
        let mut decoder = Decoder::default();
        while let Some(piece) = response.chunk().await? {
            for event in decoder.push(&piece)? {
                if event.event == "end" {
                    return Ok(true);
                }
                self.failures = 0;
                print(&self.show(&event)?)?;
                self.last_event_id = event.id;
            }
        }
        Ok(false)
    }

    /// One event as a line for people, or a line of JSON, or a YAML document.
    fn show(&self, event: &ServerEvent) -> anyhow::Result<String> {
        match self.format {
            Format::Json => Ok(text::json(&event.data) + "\n"),
            Format::Yaml => {
                let value: serde_json::Value = serde_json::from_str(&event.data)?;
                Ok(format!("---\n{}", text::lines(&serde_saphyr::to_string(&value)?)))
            }
            Format::Table | Format::Markdown => {
                self.line(&event.data).context("an event of the server cannot be read")
            }
        }
    }

    fn line(&self, data: &str) -> anyhow::Result<String> {
        if self.id.is_some() {
            return Ok(line(None, &serde_json::from_str(data)?));
        }
        let event: FeedEvent = serde_json::from_str(data)?;
        Ok(line(Some(&event.incident), &event.recorded))
    }
}

fn line(incident: Option<&IncidentId>, recorded: &Recorded) -> String {
    let time = recorded.at.to_zoned(TimeZone::UTC).strftime("%T");
    let incident = incident.map(|id| format!("{}  ", text::line(id.as_str()))).unwrap_or_default();
    format!("{time}  {incident}{:<14}  {}\n", recorded.phase.as_str(), narrate(&recorded.event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Event, Phase};

    #[test]
    fn a_line_has_the_time_the_phase_and_what_happened() {
        let recorded = Recorded {
            seq: 4,
            at: "2026-11-21T05:00:07Z".parse().unwrap(),
            phase: Phase::RollBack,
            event: Event::RollbackFinished,
        };
        assert_eq!(line(None, &recorded), "05:00:07  roll_back       the repair is undone\n");
        let id = IncidentId::from_text("inc-7h2kq0m4x9ta");
        let shown = line(Some(&id), &recorded);
        assert_eq!(shown, "05:00:07  inc-7h2kq0m4x9ta  roll_back       the repair is undone\n");
    }
}

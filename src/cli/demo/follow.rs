//! Following the server's event feed until the first incident has ended.

use anyhow::{Context, bail};

use super::detail::{self, Tone};
use super::screen::Screen;
use crate::cli::Client;
use crate::cli::sse::Decoder;
use crate::http::{Answer, FeedEvent, IncidentDetail};
use crate::incident::{Event, IncidentId, Phase};

/// The server's feed, opened before anything happens so that nothing is missed.
pub(super) struct Feed<'a> {
    client: &'a Client,
    response: reqwest::Response,
}

impl<'a> Feed<'a> {
    pub(super) async fn open(client: &'a Client) -> anyhow::Result<Self> {
        let response = client.stream(&["api", "v1", "events", "stream"], "").await?;
        Ok(Self { client, response })
    }

    /// Shows what happens until the first incident is closed or with people, and returns it. Where policy asks for a
    /// person, the demo is that person, by the same door that a person would use.
    pub(super) async fn first_incident(mut self, screen: &Screen) -> anyhow::Result<IncidentDetail> {
        let mut decoder = Decoder::default();
        let mut first: Option<IncidentId> = None;
        while let Some(piece) = self.response.chunk().await? {
            for event in decoder.push(&piece)? {
                let happened: FeedEvent =
                    serde_json::from_str(&event.data).context("an event cannot be read")?;
                let id = first.get_or_insert_with(|| happened.incident.clone()).clone();
                show(screen, &id, &happened);
                if let Event::ApprovalRequested { approval } = &happened.recorded.event {
                    approve(self.client, screen, &happened.incident, &approval.digest).await?;
                }
                let ended = matches!(happened.recorded.phase, Phase::Closed | Phase::Escalated);
                if ended && happened.incident == id {
                    return self.client.get(&["api", "v1", "incidents", id.as_str()], &[]).await;
                }
            }
        }
        bail!("the server ended the event stream before the incident ended")
    }
}

fn show(screen: &Screen, first: &IncidentId, happened: &FeedEvent) {
    let event = &happened.recorded.event;
    if happened.incident == *first {
        screen.moment(happened.recorded.phase.as_str(), &detail::lines(event));
    } else if matches!(event, Event::Opened { .. } | Event::Closed { .. } | Event::Escalated { .. }) {
        let head = crate::cli::narrate(event);
        screen.note("", Tone::Faint, &format!("beside it, {}: {head}", happened.incident));
    }
}

async fn approve(client: &Client, screen: &Screen, id: &IncidentId, digest: &str) -> anyhow::Result<()> {
    screen.note(
        "",
        Tone::Faint,
        "(in life you would now run `kubewright approvals approve`; the demo says yes)",
    );
    let answer = Answer { by: "demo".to_owned(), digest: digest.to_owned(), comment: None };
    let path = ["api", "v1", "approvals", id.as_str(), "approve"];
    client.post::<serde_json::Value>(&path, &answer).await.map(drop)
}

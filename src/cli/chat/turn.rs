//! One turn of a conversation on a terminal: the answer as it comes, what happens on the way aside.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};

use super::super::Client;
use super::super::output::{Format, heading, print};
use super::super::sse::{Decoder, ServerEvent};
use super::super::text;
use crate::agents::progress::RunEvent;
use crate::http::{AnswerDone, AnswerFailed, ChatRequest};
use crate::store::Link;

const ASIDE: Style = Style::new().dimmed();
const ASKED: Style = AnsiColor::Yellow.on_default().bold();

/// Widest line that tells what happens on the way.
const WIDTH: usize = 110;

/// Asks and, for people, prints the answer while it comes; returns the whole of it.
///
/// # Errors
/// A server that refuses, fails, or breaks off.
pub(in crate::cli) async fn ask(
    client: &Client,
    request: &ChatRequest,
    format: Format,
) -> anyhow::Result<AnswerDone> {
    let mut response = client.post_stream(&["api", "v1", "chat"], request).await?;
    let mut decoder = Decoder::default();
    let shows = format == Format::Table;
    while let Some(piece) =
        response.chunk().await.context("the server broke off before the answer was complete")?
    {
        for event in decoder.push(&piece)? {
            if let Some(done) = take(&event, shows)? {
                return Ok(done);
            }
        }
    }
    bail!("the server ended the stream before the answer was complete; ask again")
}

/// Shows one event; the last one is the answer.
fn take(event: &ServerEvent, shows: bool) -> anyhow::Result<Option<AnswerDone>> {
    const UNREADABLE: &str = "an event of the server cannot be read";
    match event.event.as_str() {
        "done" => {
            if shows {
                print("\n")?;
            }
            Ok(Some(serde_json::from_str(&event.data).context(UNREADABLE)?))
        }
        "failed" => {
            let AnswerFailed { conversation, error } =
                serde_json::from_str(&event.data).context(UNREADABLE)?;
            let (message, conversation) = (text::line(&error.message), text::line(&conversation));
            bail!("{message} (conversation {conversation}, request {})", text::line(&error.request_id))
        }
        // A newer server may tell of more than is known here.
        _ => {
            if let (true, Ok(event)) = (shows, serde_json::from_str::<RunEvent>(&event.data)) {
                show(&event)?;
            }
            Ok(None)
        }
    }
}

fn show(event: &RunEvent) -> anyhow::Result<()> {
    if let RunEvent::Text { text } = event {
        return print(&plain(text));
    }
    if let Some(line) = aside(event) {
        let mut stderr = anstream::stderr().lock();
        // What is said aside is not worth failing for.
        let _ = writeln!(stderr, "{line}");
    }
    Ok(())
}

/// What happens on the way, in one line; `None` where it comes with the answer.
fn aside(event: &RunEvent) -> Option<String> {
    let dim = |said: String| format!("{ASIDE}{}{ASIDE:#}", text::shorten(&text::line(&said), WIDTH));
    let loud = |said: String| format!("{ASKED}{}{ASKED:#}", text::line(&said));
    match event {
        RunEvent::ToolStarted { tool, arguments, .. } => Some(dim(format!("· {tool} {arguments}"))),
        RunEvent::ToolFinished { tool, ok, summary, took_ms, .. } => {
            let mark = if *ok { "✓" } else { "✗" };
            Some(dim(format!("{mark} {tool} ({took_ms} ms): {summary}")))
        }
        RunEvent::AgentStarted { agent, question } => Some(dim(format!("→ {agent}: {question}"))),
        RunEvent::AgentFinished { agent, summary, .. } => Some(dim(format!("← {agent}: {summary}"))),
        RunEvent::Notice { text } => Some(loud(format!("note: {text}"))),
        RunEvent::PlanProposed { incident, actions, .. } => {
            Some(loud(format!("plan proposed for {incident}: {}", actions.join("; "))))
        }
        RunEvent::ApprovalNeeded { incident, .. } => {
            Some(loud(format!("{incident} waits for you: kubewright approvals approve {incident}")))
        }
        RunEvent::Text { .. } | RunEvent::Evidence { .. } | RunEvent::Citation { .. } => None,
    }
}

/// The places that an answer cites.
pub(in crate::cli) fn sources(citations: &[Link]) -> String {
    if citations.is_empty() {
        return String::new();
    }
    let line =
        |link: &Link| format!("  {}\n", text::line(&format!("{} {}  {}", link.mark, link.title, link.uri)));
    format!("\n{}{}", heading("Sources"), citations.iter().map(line).collect::<String>())
}

/// Markdown as it is read in a terminal: without the backslashes that keep text of the cluster from being markup.
pub(super) fn plain(markdown: &str) -> String {
    let escaped = ["\\[", "\\]", "\\<", "\\>", "\\`"];
    let text = text::lines(markdown);
    escaped.iter().fold(text, |text, escape| text.replace(escape, escape.trim_start_matches('\\')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> ServerEvent {
        ServerEvent { id: String::new(), event: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn what_happens_on_the_way_is_one_clean_line() {
        let event = RunEvent::ToolFinished {
            call: "call-1".to_owned(),
            tool: "run_analyzers".to_owned(),
            ok: true,
            summary: "12 objects\n\u{1b}[2Jread".to_owned(),
            took_ms: 7,
        };
        let line = anstream::adapter::strip_str(&aside(&event).unwrap()).to_string();
        assert_eq!(line, "✓ run_analyzers (7 ms): 12 objects [2Jread");
    }

    #[test]
    fn a_failure_is_an_error_that_names_conversation_and_request() {
        let data = r#"{"conversation":"cnv-1","error":{"code":"x","message":"no model answered","request_id":"r-1"}}"#;
        let error = take(&event("failed", data), true).unwrap_err().to_string();
        assert_eq!(error, "no model answered (conversation cnv-1, request r-1)");
    }

    #[test]
    fn unknown_events_are_passed_over_and_garbage_at_the_end_is_an_error() {
        assert!(take(&event("telepathy", "{}"), true).unwrap().is_none());
        assert!(take(&event("text", "garbage"), true).unwrap().is_none());
        assert!(take(&event("done", "garbage"), false).is_err());
    }

    #[test]
    fn sources_are_listed_with_their_links() {
        let link =
            Link { mark: "[1]".to_owned(), title: "A\ntitle".to_owned(), uri: "https://x/".to_owned() };
        let shown = anstream::adapter::strip_str(&sources(&[link])).to_string();
        assert_eq!(shown, "\nSources\n  [1] A title  https://x/\n");
        assert_eq!(sources(&[]), "");
    }
}

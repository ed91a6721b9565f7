//! One turn of a conversation on a terminal: the answer as it comes, what happens on the way aside.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};

use super::super::Client;
use super::super::output::{Format, heading};
use super::super::sse::{Decoder, ServerEvent};
use super::super::text;
use super::screen::{self, Screen};
use crate::agents::progress::RunEvent;
use crate::http::{AnswerDone, AnswerFailed, ChatRequest};
use crate::store::Link;

const ASIDE: Style = Style::new().dimmed();
const ASKED: Style = AnsiColor::Yellow.on_default().bold();

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
    let mut screen = (format == Format::Table).then(Screen::of_this_program);
    while let Some(piece) =
        response.chunk().await.context("the server broke off before the answer was complete")?
    {
        for event in decoder.push(&piece)? {
            if let Some(done) = take(&event, screen.as_mut())? {
                screen.map_or(Ok(()), Screen::end)?;
                return Ok(done);
            }
        }
    }
    bail!("the server ended the stream before the answer was complete; ask again")
}

/// Shows one event; the last one is the answer.
fn take(event: &ServerEvent, screen: Option<&mut Screen>) -> anyhow::Result<Option<AnswerDone>> {
    const UNREADABLE: &str = "an event of the server cannot be read";
    match event.event.as_str() {
        "done" => Ok(Some(serde_json::from_str(&event.data).context(UNREADABLE)?)),
        "failed" => {
            let AnswerFailed { conversation, error } =
                serde_json::from_str(&event.data).context(UNREADABLE)?;
            let (message, conversation) = (text::line(&error.message), text::line(&conversation));
            bail!("{message} (conversation {conversation}, request {})", text::line(&error.request_id))
        }
        // A newer server may tell of more than is known here.
        _ => {
            if let (Some(screen), Ok(event)) = (screen, serde_json::from_str::<RunEvent>(&event.data)) {
                show(&event, screen)?;
            }
            Ok(None)
        }
    }
}

fn show(event: &RunEvent, screen: &mut Screen) -> anyhow::Result<()> {
    if let RunEvent::Text { text } = event {
        return screen.say(&plain(text));
    }
    match aside(event) {
        Some(Aside::Faint(said)) => screen.say_aside(&said, ASIDE, false),
        Some(Aside::Loud(said)) => screen.say_aside(&said, ASKED, true),
        None => Ok(()),
    }
}

/// What happens on the way.
#[derive(Debug, PartialEq, Eq)]
enum Aside {
    /// To be seen in passing.
    Faint(String),
    /// To be read.
    Loud(String),
}

/// What happens on the way; `None` where it comes with the answer.
fn aside(event: &RunEvent) -> Option<Aside> {
    let (dim, loud) = (|said| Some(Aside::Faint(said)), |said| Some(Aside::Loud(said)));
    match event {
        RunEvent::ToolStarted { tool, arguments, .. } => dim(format!("· {tool} {arguments}")),
        RunEvent::ToolFinished { tool, ok, summary, took_ms, .. } => {
            let mark = if *ok { "✓" } else { "✗" };
            dim(format!("{mark} {tool} ({took_ms} ms): {summary}"))
        }
        RunEvent::AgentStarted { agent, question } => dim(format!("→ {agent}: {question}")),
        RunEvent::AgentFinished { agent, summary, .. } => dim(format!("← {agent}: {summary}")),
        RunEvent::Notice { text, .. } => loud(format!("note: {text}")),
        RunEvent::PlanProposed { incident, actions, .. } => {
            loud(format!("plan proposed for {incident}: {}", actions.join("; ")))
        }
        RunEvent::ApprovalNeeded { incident, .. } => {
            loud(format!("{incident} waits for you: kubewright approvals approve {incident}"))
        }
        RunEvent::Text { .. } | RunEvent::Evidence { .. } | RunEvent::Citation { .. } => None,
    }
}

/// The places that an answer cites.
pub(in crate::cli) fn sources(citations: &[Link]) -> String {
    if citations.is_empty() {
        return String::new();
    }
    let width = screen::width().unwrap_or(usize::MAX);
    let lines: String = citations.iter().map(|link| source(link, width)).collect();
    format!("\n{}{lines}", heading("Sources"))
}

/// One place; a link that does not fit stands below its title, whole.
fn source(link: &Link, width: usize) -> String {
    let title = text::line(&format!("{} {}", link.mark, plain(&link.title)));
    let uri = text::line(&link.uri);
    if title.chars().count() + uri.chars().count() + 4 <= width {
        return format!("  {title}  {uri}\n");
    }
    format!("  {}\n      {uri}\n", text::shorten(&title, width.saturating_sub(2)))
}

/// What was said before, as it is read again in this terminal.
pub(super) fn read(markdown: &str) -> String {
    let text = plain(markdown);
    screen::width().map_or_else(|| text.clone(), |width| screen::paragraphs(&text, width))
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
    fn what_a_tool_says_is_told_in_passing() {
        let event = RunEvent::ToolFinished {
            call: "call-1".to_owned(),
            tool: "run_analyzers".to_owned(),
            ok: true,
            summary: "12 objects\n\u{1b}[2Jread".to_owned(),
            took_ms: 7,
        };
        let said = aside(&event).unwrap();
        assert_eq!(said, Aside::Faint("✓ run_analyzers (7 ms): 12 objects\n\u{1b}[2Jread".to_owned()));
    }

    #[test]
    fn a_failure_is_an_error_that_names_conversation_and_request() {
        let data = r#"{"conversation":"cnv-1","error":{"code":"x","message":"no model answered","request_id":"r-1"}}"#;
        let error = take(&event("failed", data), None).unwrap_err().to_string();
        assert_eq!(error, "no model answered (conversation cnv-1, request r-1)");
    }

    #[test]
    fn unknown_events_are_passed_over_and_garbage_at_the_end_is_an_error() {
        let mut screen = Screen::of_this_program();
        assert!(take(&event("telepathy", "{}"), Some(&mut screen)).unwrap().is_none());
        assert!(take(&event("text", "garbage"), Some(&mut screen)).unwrap().is_none());
        assert!(take(&event("done", "garbage"), None).is_err());
    }

    #[test]
    fn sources_are_listed_with_their_links() {
        let link =
            Link { mark: "[1]".to_owned(), title: "A\ntitle".to_owned(), uri: "https://x/".to_owned() };
        let shown = anstream::adapter::strip_str(&sources(&[link])).to_string();
        assert_eq!(shown, "\nSources\n  [1] A title  https://x/\n");
        assert_eq!(sources(&[]), "");
        let long = Link { mark: "[E1]".to_owned(), title: "t ".repeat(40), uri: "https://x/y".to_owned() };
        let shown = source(&long, 40);
        assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
        assert_eq!(shown.lines().last(), Some("      https://x/y"));
    }
}

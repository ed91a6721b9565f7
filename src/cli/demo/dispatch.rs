//! What the demo shows of agents at work: who is asked what, each call of a tool with its result, and what it costs.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::detail::{Line, Tone};
use super::screen::Screen;
use crate::agents::progress::RunEvent;
use crate::incident::IncidentId;

/// Length of what is shown of arguments and results, characters.
const SHOWN: usize = 96;

/// The same of questions and answers.
const SAID: usize = 160;

/// Width of an agent's name.
const NAME: usize = 12;

/// Shows runs as they go on, until it is dropped.
pub(super) async fn show(mut runs: Receiver<(IncidentId, RunEvent)>, screen: &Screen) {
    let mut dispatch = Dispatch::default();
    loop {
        match runs.recv().await {
            Ok((incident, event)) => {
                let lines = dispatch.lines(&incident, &event);
                if !lines.is_empty() {
                    screen.moment("agents", &lines);
                }
            }
            Err(RecvError::Lagged(missed)) => {
                screen.note("agents", Tone::Faint, &format!("({missed} events were too quick to be shown)"));
            }
            // The end of the incident ends this too.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// What has to be remembered between events. Runs of a second incident are not told.
#[derive(Default)]
struct Dispatch {
    first: Option<IncidentId>,
    /// Who made a call.
    callers: BTreeMap<String, String>,
    /// Evidence that was shown already.
    seen: BTreeSet<u32>,
    fresh: u32,
}

impl Dispatch {
    fn lines(&mut self, incident: &IncidentId, event: &RunEvent) -> Vec<Line> {
        if self.first.get_or_insert_with(|| incident.clone()) != incident {
            return Vec::new();
        }
        match event {
            RunEvent::AgentStarted { agent, question } => {
                vec![line(Tone::Plain, agent, &format!("◀ {}", cut(question, SAID)))]
            }
            RunEvent::AgentFinished { agent, summary, tokens, cost } => vec![
                line(Tone::Good, agent, &format!("▶ {}", cut(summary, SAID))),
                line(Tone::Faint, "", &format!("  {tokens} tokens, {cost:.4} US dollars")),
            ],
            RunEvent::ToolStarted { call, agent, tool, arguments } => {
                self.callers.insert(call.clone(), agent.clone());
                vec![line(Tone::Plain, agent, &format!("  ⚙ {tool} {}", cut(arguments, SHOWN)))]
            }
            RunEvent::ToolFinished { call, tool, ok, summary, took_ms } => {
                let agent = self.callers.remove(call).unwrap_or_default();
                vec![self.result(&agent, tool, *ok, summary, *took_ms)]
            }
            RunEvent::Evidence { id, .. } => {
                let is_new = id.is_none_or(|id| self.seen.insert(id.0));
                self.fresh += u32::from(is_new);
                Vec::new()
            }
            RunEvent::PlanProposed { actions, .. } => {
                vec![line(Tone::Plain, "", &format!("proposes: {}", actions.join(", then ")))]
            }
            RunEvent::Notice { text, .. } => vec![line(Tone::Warn, "", text)],
            RunEvent::Text { .. } | RunEvent::Citation { .. } | RunEvent::ApprovalNeeded { .. } => Vec::new(),
        }
    }

    fn result(&mut self, agent: &str, tool: &str, ok: bool, summary: &str, took_ms: u64) -> Line {
        let first = summary.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        let fresh = std::mem::take(&mut self.fresh);
        let cited = if fresh == 0 { String::new() } else { format!(", {fresh} citable") };
        let (tone, mark) = if ok { (Tone::Faint, "✓") } else { (Tone::Warn, "✗") };
        line(tone, agent, &format!("  {mark} {tool}: {} ({took_ms} ms{cited})", cut(first, SHOWN)))
    }
}

fn line(tone: Tone, agent: &str, text: &str) -> Line {
    Line::new(tone, format!("{agent:<NAME$}  {text}"))
}

fn cut(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::{Dispatch, SHOWN, cut};
    use crate::agents::progress::RunEvent;
    use crate::incident::{EvidenceId, IncidentId, ObjectRef};

    #[test]
    fn a_result_stands_under_the_one_who_called() {
        let (mut dispatch, incident) = (Dispatch::default(), IncidentId::random());
        let started = RunEvent::ToolStarted {
            call: "a-1".to_owned(),
            agent: "diagnostic".to_owned(),
            tool: "kubernetes_logs".to_owned(),
            arguments: "{\"pod\": \"checkout\"}".to_owned(),
        };
        let seen = RunEvent::Evidence {
            id: Some(EvidenceId(4)),
            object: ObjectRef::new("Pod", "shop", "a"),
            statement: "It ends.".to_owned(),
        };
        let finished = RunEvent::ToolFinished {
            call: "a-1".to_owned(),
            tool: "kubernetes_logs".to_owned(),
            ok: true,
            summary: "\nError: no\nmore".to_owned(),
            took_ms: 12,
        };
        let mut lines = Vec::new();
        for event in [started, seen, finished.clone()] {
            lines.extend(dispatch.lines(&incident, &event));
        }
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "diagnostic      ⚙ kubernetes_logs {\"pod\": \"checkout\"}",
                "diagnostic      ✓ kubernetes_logs: Error: no (12 ms, 1 citable)"
            ]
        );
        assert!(dispatch.lines(&IncidentId::random(), &finished).is_empty());
        assert_eq!(cut(&"x".repeat(500), SHOWN).chars().count(), SHOWN);
    }
}

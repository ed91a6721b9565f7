//! One attempt at an answer: one request, streamed.

use futures::StreamExt as _;
use rig_core::ProviderError;
use rig_core::completion::{CompletionRequest, CompletionResponse, FinishReason};
use rig_core::streaming::{Item, StreamEvent};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::entry::Entry;
use super::fault::Fault;
use super::learned::Sent;
use super::{Answer, Ask, Spent};
use crate::agents::budget::{Budget, Want};
use crate::telemetry::metrics;

/// One question under way, over all its attempts.
pub(super) struct Turn<'a> {
    pub(super) ask: &'a Ask,
    /// About what reading the question costs, tokens.
    pub(super) read: u64,
    pub(super) on_text: &'a mut (dyn FnMut(&str) + Send),
    pub(super) cancel: &'a CancellationToken,
    pub(super) deadline: Instant,
    /// What people have seen of an answer, bytes. More than none: no other attempt may be made.
    pub(super) passed_on: usize,
    /// What the attempts have cost.
    pub(super) spent: Spent,
    /// What every attempt has to have room in.
    budget: Option<&'a Budget>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        ask: &'a Ask,
        on_text: &'a mut (dyn FnMut(&str) + Send),
        cancel: &'a CancellationToken,
        deadline: Instant,
    ) -> Self {
        let (read, spent) = (ask.estimated_tokens(), Spent::default());
        Self { ask, read, on_text, cancel, deadline, passed_on: 0, spent, budget: None }
    }

    pub(super) fn within(self, budget: &'a Budget) -> Self {
        Self { budget: Some(budget), ..self }
    }
}

/// What was heard of one answer.
#[derive(Default)]
struct Heard {
    /// Whether the provider has begun.
    begun: bool,
    /// Text, reasoning and arguments, bytes.
    bytes: usize,
}

/// Asks once, if there is room for it: what it may use at most is reserved before, and what it has used is booked after.
pub(super) async fn attempt(entry: &Entry, turn: &mut Turn<'_>) -> Result<Answer, Fault> {
    let longest = entry.longest_answer(turn.ask, turn.read);
    let Some(budget) = turn.budget else {
        let (result, spent) = asked(entry, turn, longest, turn.deadline).await;
        turn.spent += spent;
        return result;
    };
    let want = Want::of(&entry.settings, turn.read, longest);
    let room = budget.reserve(want).await.map_err(Fault::Budget)?;
    let (result, spent) = asked(entry, turn, room.answer, room.until.min(turn.deadline)).await;
    turn.spent += spent;
    room.settle(spent);
    result
}

/// Asks. Spans and metrics follow OpenTelemetry's conventions for generative AI; no content is in them.
async fn asked(
    entry: &Entry,
    turn: &mut Turn<'_>,
    longest: u64,
    deadline: Instant,
) -> (Result<Answer, Fault>, Spent) {
    let span = tracing::info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = entry.kind.telemetry_name(),
        gen_ai.request.model = entry.settings.model,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        error.r#type = Empty,
    );
    let began = Instant::now();
    let (result, spent) = observed(entry, turn, longest, deadline).instrument(span.clone()).await;
    let outcome = result.as_ref().map_or_else(Fault::outcome, |_| "ok");
    metrics::model_called(entry.kind.name(), &entry.name, outcome, began.elapsed());
    if result.is_err() {
        span.record("error.type", outcome);
    }
    (result, spent)
}

async fn observed(
    entry: &Entry,
    turn: &mut Turn<'_>,
    longest: u64,
    deadline: Instant,
) -> (Result<Answer, Fault>, Spent) {
    let (request, sent) = entry.request(turn.ask, longest);
    let mut heard = Heard::default();
    let reply = bounded(entry, request, sent, turn, deadline, &mut heard).await;
    let result = reply.and_then(|reply| answer(entry, turn.read, &heard, &reply));
    let spent = match &result {
        Ok(answer) => answer.spent,
        // Nobody says what a broken answer costs; that it was begun means that the question was read.
        Err(_) if heard.begun => Spent::broken_off(&entry.settings, turn.read, heard.bytes),
        Err(_) => Spent::default(),
    };
    metrics::model_spent(spent.input_tokens, spent.output_tokens, spent.cost);
    let span = Span::current();
    span.record("gen_ai.usage.input_tokens", spent.input_tokens);
    span.record("gen_ai.usage.output_tokens", spent.output_tokens);
    (result, spent)
}

/// The reply, if it comes before the deadlines and nobody cancels.
async fn bounded(
    entry: &Entry,
    request: CompletionRequest,
    sent: Sent,
    turn: &mut Turn<'_>,
    deadline: Instant,
    heard: &mut Heard,
) -> Result<CompletionResponse, Fault> {
    let until = deadline.min(Instant::now() + entry.timeout);
    let reply = async {
        // White space at the beginning says nothing: after it another model can still be asked.
        let mut blank = String::new();
        let mut pass_on = |text: &str| {
            if turn.passed_on == 0 && text.trim().is_empty() {
                blank.push_str(text);
                return;
            }
            let text = std::mem::take(&mut blank) + text;
            turn.passed_on += text.len();
            (turn.on_text)(&text);
        };
        if sent.streamed {
            Box::pin(listen(entry, request, &mut pass_on, heard)).await
        } else {
            let reply = Box::pin(entry.model.call(request)).await?;
            heard.begun = true;
            pass_on(&reply.text());
            Ok(reply)
        }
    };
    tokio::select! {
        biased;
        () = turn.cancel.cancelled() => Err(Fault::Cancelled),
        reply = timeout_at(until, reply) => match reply {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(entry.reader(sent).fault(&error)),
            Err(_) if Instant::now() >= deadline => Err(Fault::Deadline),
            Err(_) => Err(Fault::Passing("did not answer in time".to_owned())),
        },
    }
}

async fn listen(
    entry: &Entry,
    request: CompletionRequest,
    pass_on: &mut (dyn FnMut(&str) + Send),
    heard: &mut Heard,
) -> Result<CompletionResponse, ProviderError> {
    let mut stream = entry.model.stream(request)?;
    while let Some(item) = stream.next().await {
        let item = item?;
        heard.begun = true;
        match item {
            Item::Event(StreamEvent::Text { text, .. }) if !text.is_empty() => {
                heard.bytes += text.len();
                pass_on(&text);
            }
            Item::Event(StreamEvent::Reasoning { text, .. }) => heard.bytes += text.len(),
            Item::Event(StreamEvent::Arguments { json, .. }) => heard.bytes += json.len(),
            Item::Event(_) | Item::Unknown(_) => {}
        }
    }
    stream.finish().await
}

/// The answer in a reply, if it is one.
fn answer(entry: &Entry, read: u64, heard: &Heard, reply: &CompletionResponse) -> Result<Answer, Fault> {
    let finish = reply.finish_reason();
    if finish == Some(FinishReason::ContentFilter) {
        return Err(Fault::Lasting("withheld its answer (filtered by the provider)".to_owned()));
    }
    if let rig_core::message::StopReason::Error(reason) = reply.stop() {
        return Err(Fault::Lasting(format!("failed: {}", entry.clean.line(&reason))));
    }
    let (text, calls) = (reply.text(), reply.tool_calls().cloned().collect::<Vec<_>>());
    let message = reply.message().filter(|_| !text.trim().is_empty() || !calls.is_empty());
    let Some(message) = message else {
        return Err(match finish {
            Some(FinishReason::Length) => {
                Fault::Lasting("used up the length of its answer before it said anything".to_owned())
            }
            _ => Fault::Passing("answered nothing".to_owned()),
        });
    };
    let written = heard.bytes.max(text.len());
    let finish =
        finish.unwrap_or(if calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls });
    let spent = Spent::of(reply.usage, &entry.settings, read, written);
    Ok(Answer { message, text, calls, spent, model: entry.name.clone(), finish })
}

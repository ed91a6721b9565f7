//! One turn of a conversation with a model: tools until it answers, the answer in pieces while it is made, then what it
//! cites and what became of a Plan that it drafted.

mod cited;
mod proposal;
mod suspicion;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use rig_core::completion::FinishReason;
use rig_core::message::{Message, ToolChoice};

use crate::agents::chat::{ChatAnswer, ChatError, ChatMessage, ChatTurn, Finish, Role};
use crate::agents::model::Answer;
use crate::agents::progress::RunEvent;
use crate::agents::roster::{Agent, TALKERS};
use crate::agents::run::{Keeping, PATIENCE, Records, Run, RunError, Shared, Task, Turn, Watch, state_of};
use crate::agents::tools::Access;
use crate::agents::{Agents, orchestrator};
use crate::egress::Session;
use crate::incident::Incident;
use cited::Citations;

/// What is said in place of an answer, or of its end, when a limit was reached before there was one.
const CUT_SHORT: &str = "I had to stop before I could answer";

/// What is said below an answer that rests on nothing, although things were read for it.
const UNCITED: &str = "Nothing that was seen is cited for this: check it before you rely on it.";

/// Longest question that is kept with a Plan, characters.
const LONGEST_QUESTION: usize = 300;

impl Agents {
    /// Answers the last message of a conversation.
    ///
    /// # Errors
    /// [`ChatError`], safe for people.
    pub async fn talk(&self, turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        let agent = self
            .inner
            .roster
            .agent(&turn.agent)
            .ok_or_else(|| ChatError::UnknownAgent(turn.agent.clone()))?;
        let chain = self.inner.models.chain(&agent.models);
        let chain = chain.ok_or_else(|| ChatError::Unavailable("no model is configured".to_owned()))?;
        let incident = self.about(&turn).await?;
        let shared = self.shared_of(&turn, incident.as_ref())?;
        let window = chain.context_tokens();
        let messages = messages(agent, &turn, incident.as_deref(), &shared.session, window);
        let keeping = keeping(agent, &turn, &messages, &shared);
        let mut run = Run::new(agent, chain, &shared, messages, keeping);
        let answered = Box::pin(answer(&mut run, &turn)).await;
        let state = state_of(&answered);
        let finish = self.end(&mut run, answered, &turn, &shared).await;
        let outcome = match &finish {
            Ok(_) => run.said().to_owned(),
            Err(error) => error.to_string(),
        };
        run.finish(state, &outcome).await;
        suspicion::say(&turn, &shared.session).await;
        let spent = run.record.spent();
        Ok(ChatAnswer {
            text: run.said().to_owned(),
            finish: finish?,
            input_tokens: spent.input_tokens,
            output_tokens: spent.output_tokens,
            model: run.record.model().map(str::to_owned),
        })
    }

    /// What follows the model's own words: what they cite, and what became of a Plan; or why there are none.
    async fn end(
        &self,
        run: &mut Run<'_>,
        answered: Result<Answer, RunError>,
        turn: &ChatTurn,
        shared: &Shared,
    ) -> Result<Finish, ChatError> {
        let why = match answered {
            Ok(answer) => {
                cite(run, shared).await;
                let record = run.record.finish(
                    run.agent(),
                    &run.agent().chat_prompt.hash,
                    &question(turn, shared),
                    "A plan was drafted in chat.".to_owned(),
                );
                if let Some(text) = self.carry_over(record, shared).await {
                    run.add(&text).await;
                }
                let cut = answer.finish == FinishReason::Length;
                return Ok(if cut { Finish::Length } else { Finish::Stop });
            }
            Err(RunError::Budget(why)) => why,
            Err(RunError::Quota(why) | RunError::TooLong(why)) if run.said().is_empty() => {
                return Err(ChatError::NotAsked(why));
            }
            Err(RunError::Quota(why) | RunError::TooLong(why)) => why,
            Err(error @ RunError::Turns(_)) => error.to_string(),
            Err(RunError::Cancelled) => return Err(ChatError::Cancelled),
            Err(RunError::Unanswered(why)) => {
                return Err(ChatError::Unavailable(shared.session.restore(&why)));
            }
            Err(error @ (RunError::Model(_) | RunError::Malformed(_))) => {
                return Err(ChatError::Unavailable(shared.session.restore(&error.to_string())));
            }
        };
        run.add(&format!("{CUT_SHORT}: {}.", shared.session.restore(&why))).await;
        Ok(Finish::Length)
    }

    async fn about(&self, turn: &ChatTurn) -> Result<Option<Arc<Incident>>, ChatError> {
        let Some(id) = &turn.about else { return Ok(None) };
        let incident =
            self.inner.sources.store.incident(id).await.context("the incident could not be read")?;
        let incident = incident.ok_or_else(|| ChatError::Invalid(format!("there is no incident {id}")))?;
        let incident = permitted(incident, &turn.access)?;
        Ok(Some(Arc::new(incident)))
    }

    fn shared_of(&self, turn: &ChatTurn, incident: Option<&Arc<Incident>>) -> Result<Shared, ChatError> {
        let named = turn.cluster.as_deref().or_else(|| incident.map(|incident| incident.cluster.as_str()));
        let observer = self.observer(named).ok_or_else(|| {
            let (named, known) = (named.unwrap_or("of that name"), self.inner.sources.clusters());
            ChatError::Invalid(format!("there is no cluster {named}; configured are {known}"))
        })?;
        let evidence = incident.map_or(&[][..], |incident| &incident.evidence);
        let watch = Watch { progress: turn.progress.clone(), cancel: turn.cancel.clone() };
        let about = incident.map(|incident| incident.id.clone());
        let records = Records::of_turn(self.inner.sources.store.clone(), turn.conversation.clone(), about);
        let shared = self.share(observer, turn.access.clone(), incident.cloned(), evidence, watch, records);
        suspicion::inherit(turn, &shared.session);
        Ok(shared)
    }
}

/// Of an incident only what the caller may see: nothing of one in another namespace, and no evidence from there.
fn permitted(mut incident: Incident, access: &Access) -> Result<Incident, ChatError> {
    if access.namespaces().is_none() {
        return Ok(incident);
    }
    let namespace = incident.namespace.clone().unwrap_or_default();
    access.check(&namespace).map_err(|error| ChatError::Invalid(error.to_string()))?;
    incident.evidence.retain(|seen| access.check(&seen.object.namespace).is_ok());
    incident.hypotheses.retain(|cause| access.check(&cause.object.namespace).is_ok());
    Ok(incident)
}

/// The conversation as the model reads it: our prompt first, then what people and we said, scrubbed.
fn messages(
    agent: &Agent,
    turn: &ChatTurn,
    incident: Option<&Incident>,
    session: &Session,
    window: u64,
) -> Vec<Message> {
    let role = TALKERS.iter().find(|(name, _)| *name == agent.name);
    let role = role.map_or(agent.name.clone(), |(name, what)| format!("{name} agent, who {what}"));
    let about = incident.map(|incident| {
        let evidence = orchestrator::words::evidence(&incident.evidence, session, window);
        let hypotheses = orchestrator::words::hypotheses(&incident.hypotheses, session, window);
        format!(
            "# The incident that this is about\n{}\nPhase: {:?}.\n\n## Hypotheses\n{hypotheses}\n\n## Evidence\n{evidence}",
            orchestrator::words::incident(incident, session, window),
            incident.phase
        )
    });
    let values = BTreeMap::from([
        ("fence", session.preamble()),
        ("incident", about.unwrap_or_default()),
        ("now", Timestamp::now().to_string()),
        ("role", role),
    ]);
    let said = turn.messages.iter().map(|message| said(message, session));
    std::iter::once(Message::system(agent.chat_prompt.fill(&values))).chain(said).collect()
}

/// The turn as it is kept: with our prompt and the question, without what was said before, which clients send each time.
fn keeping(agent: &Agent, turn: &ChatTurn, messages: &[Message], shared: &Shared) -> Keeping {
    let question = turn.messages.last().map(|message| message.text.as_str()).unwrap_or_default();
    let task = Task { agent: &agent.name, prompt: &agent.chat_prompt.hash, question, cycle: 0 };
    let first = messages.first().into_iter();
    let kept: Vec<&Message> = first.chain(messages.last().filter(|_| messages.len() > 1)).collect();
    Keeping::begin(&shared.records, &task, &shared.session, &kept)
}

fn said(message: &ChatMessage, session: &Session) -> Message {
    let text = || session.trusted(&message.text);
    match message.role {
        Role::Assistant => Message::assistant(session.answered(&message.text)),
        // What a client puts first is the client's wish, not ours: it cannot override the prompt above.
        Role::System => Message::user(format!("[Preferences of the client]\n{}", text())),
        Role::User => Message::user(text()),
    }
}

/// Turns until there is an answer without calls.
async fn answer(run: &mut Run<'_>, turn: &ChatTurn) -> Result<Answer, RunError> {
    loop {
        let last = run.is_last();
        let tools = if last { Vec::new() } else { run.definitions() };
        let choice = if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto };
        let asked = Turn {
            tools,
            choice,
            max_tokens: turn.max_tokens,
            temperature: turn.temperature,
            stop: turn.stop.clone(),
            aloud: true,
        };
        let answer = run.turn(asked).await?;
        match (answer.calls.is_empty(), last) {
            (true, _) => return Ok(answer),
            // It was told that there are no tools any more: what it says beside its calls is all that there is.
            (false, true) if answer.text.trim().is_empty() => {
                return Err(RunError::Turns(run.record.turns()));
            }
            (false, true) => return Ok(Answer { finish: FinishReason::Length, ..answer }),
            (false, false) => run.call_tools(answer.calls).await,
        }
    }
}

/// Says what the answer cites, and where it cites nothing although something was looked at.
async fn cite(run: &mut Run<'_>, shared: &Shared) {
    let citations = Citations::of(run.said(), shared);
    let doubt = citations.doubt();
    let nothing = citations.cited.is_empty();
    for cited in citations.cited {
        shared.progress.say(RunEvent::Citation { cited }, PATIENCE).await;
    }
    if let Some(text) = doubt {
        run.add(&text).await;
    }
    if nothing && run.record.looked {
        run.add(UNCITED).await;
    }
}

fn question(turn: &ChatTurn, shared: &Shared) -> String {
    let asked = turn.messages.last().map(|last| last.text.as_str()).unwrap_or_default();
    shared.session.for_people(asked).chars().take(LONGEST_QUESTION).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::permitted;
    use crate::agents::tools::Access;
    use crate::incident::{
        Fingerprint, Incident, IncidentId, Scope, Severity, Signal, SignalSource, SignalState,
    };

    fn incident(namespace: Option<&str>) -> Incident {
        let signal = Signal {
            fingerprint: Fingerprint("f".to_owned()),
            source: SignalSource::Alertmanager,
            name: "PodCrashLooping".to_owned(),
            severity: Severity::Critical,
            state: SignalState::Firing,
            summary: "It crashes.".to_owned(),
            scope: Scope {
                cluster: "a".to_owned(),
                namespace: namespace.map(str::to_owned),
                ..Scope::default()
            },
            labels: Default::default(),
            annotations: Default::default(),
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: None,
            expression: None,
            generator_url: None,
        };
        Incident::open(IncidentId::random(), signal, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_incident_of_another_namespace_is_not_told_of() {
        let shop = Access::Namespaces(BTreeSet::from(["shop".to_owned()]));
        assert!(permitted(incident(Some("shop")), &shop).is_ok());
        assert!(permitted(incident(Some("payments")), &shop).is_err());
        assert!(permitted(incident(None), &shop).is_err());
        assert!(permitted(incident(Some("payments")), &Access::Everything).is_ok());
    }
}

//! A Plan that was drafted in chat: carried over to its incident, where it goes the way of every Plan.
//!
//! Chat writes one event and nothing else. Policy judges the Plan, a person answers, the workflow applies it.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use crate::agents::Agents;
use crate::agents::orchestrator::words;
use crate::agents::progress::{Cited, RunEvent};
use crate::agents::run::{PATIENCE, Shared};
use crate::agents::tools::Proposed;
use crate::incident::{
    AgentRun, Event, Incident, IncidentId, Investigation, InvestigationEnd, NotTaken, Phase, Plan,
};
use crate::store::ActError;

/// How long an answer waits for policy to judge its Plan.
const JUDGED_WITHIN: Duration = Duration::from_secs(5);

/// How often the incident is looked at meanwhile, where no news of it comes.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What became of a draft.
enum Fate {
    /// It is the incident's Plan now; the incident as it stands.
    Taken(Box<Incident>),
    /// The same Plan waits already.
    Known(Box<Incident>),
    /// The incident does not take it.
    Not(NotTaken),
}

impl Agents {
    /// Carries the last draft of a chat over to the incident that it is about. What became of it, as a paragraph for
    /// people; `None`: nothing was drafted.
    pub(super) async fn carry_over(&self, run: AgentRun, shared: &Shared) -> Option<String> {
        let proposed = shared.context.proposals.all().pop()?;
        let actions = in_words(&proposed, shared);
        let Some(incident) = &shared.context.incident else {
            return Some(format!(
                "I drafted a plan: {actions}. This conversation is about no incident, so it stays a draft: nothing is \
                 proposed, and nothing waits for approval. Name the incident, as in `incident:ID`, to have it proposed."
            ));
        };
        let cluster = shared.context.observer.name();
        if incident.cluster != cluster {
            return Some(format!(
                "I drafted a plan: {actions}. It is for cluster {cluster} and the incident is in cluster {}, so it \
                 stays a draft: nothing waits for approval.",
                incident.cluster
            ));
        }
        let id = incident.id.clone();
        let text = match self.hand_over(&id, plan(proposed, &run.agent, shared), run, shared).await {
            Ok(Fate::Taken(incident)) => told(&incident, &actions, "I proposed this", shared).await,
            Ok(Fate::Known(incident)) => told(&incident, &actions, "This is proposed already", shared).await,
            Ok(Fate::Not(why)) => {
                format!(
                    "I drafted a plan: {actions}. It was not proposed for {id}: {why}. Nothing has been changed."
                )
            }
            Err(error) => {
                tracing::error!(incident = %id, error = format!("{error:#}"), "a plan from chat could not be proposed");
                format!(
                    "I drafted a plan: {actions}. It could not be proposed, because the store did not answer."
                )
            }
        };
        Some(text)
    }

    /// Makes the Plan that of the incident, and waits a little for policy.
    async fn hand_over(
        &self,
        id: &IncidentId,
        plan: Plan,
        run: AgentRun,
        shared: &Shared,
    ) -> anyhow::Result<Fate> {
        let digest = plan.digest();
        let proposed = RunEvent::PlanProposed {
            incident: id.clone(),
            actions: plan.actions.iter().map(|planned| planned.action.to_string()).collect(),
            rationale: plan.rationale.clone(),
        };
        let news = self.inner.sources.store.subscribe();
        let event = Event::ProposedInChat {
            plan: Box::new(plan.clone()),
            investigation: Box::new(investigation(run, shared)),
        };
        let acted =
            self.inner.sources.store.act(id, |incident| incident.takes(&plan).map(|()| vec![event])).await;
        match acted {
            Ok(_) => {
                tracing::info!(incident = %id, digest, "a plan was proposed in chat");
                shared.progress.say(proposed, PATIENCE).await;
                Ok(Fate::Taken(Box::new(self.judged(id, news).await?)))
            }
            Err(ActError::Refused(NotTaken::Waiting)) => {
                let incident = self.now(id).await?;
                let same = incident.approval.as_ref().is_some_and(|asked| asked.digest == digest);
                Ok(if same { Fate::Known(Box::new(incident)) } else { Fate::Not(NotTaken::Waiting) })
            }
            Err(ActError::Refused(why)) => Ok(Fate::Not(why)),
            Err(error) => Err(anyhow::anyhow!("{error}")),
        }
    }

    /// The incident once policy has judged its Plan, or as it stands when that takes too long.
    async fn judged(
        &self,
        id: &IncidentId,
        mut news: broadcast::Receiver<IncidentId>,
    ) -> anyhow::Result<Incident> {
        let until = Instant::now() + JUDGED_WITHIN;
        loop {
            let incident = self.now(id).await?;
            if incident.phase != Phase::Guard || Instant::now() >= until {
                return Ok(incident);
            }
            // News of others, or none for a while: it is looked at again either way.
            let _ = timeout_at(until.min(Instant::now() + LOOK_AGAIN), news.recv()).await;
        }
    }

    async fn now(&self, id: &IncidentId) -> anyhow::Result<Incident> {
        let incident = self.inner.sources.store.incident(id).await?;
        incident.ok_or_else(|| anyhow::anyhow!("incident {id} is gone"))
    }
}

/// The Plan as it is kept: by an agent, from chat, without secrets.
fn plan(proposed: Proposed, agent: &str, shared: &Shared) -> Plan {
    Plan {
        agent: Some(agent.to_owned()),
        from_chat: true,
        rationale: shared.session.for_people(&proposed.plan.rationale),
        ..proposed.plan
    }
}

/// What was done in chat, for the record. What looked like instructions there taints the incident.
fn investigation(run: AgentRun, shared: &Shared) -> Investigation {
    Investigation {
        end: InvestigationEnd::Concluded,
        reason: "A repair was proposed in chat.".to_owned(),
        cycles: 0,
        runs: vec![run],
        dropped: Vec::new(),
        recommendation: None,
        flags: words::flags(&shared.session),
    }
}

fn in_words(proposed: &Proposed, shared: &Shared) -> String {
    let actions: Vec<String> = proposed.draft.actions.iter().map(ToString::to_string).collect();
    shared.session.for_people(&actions.join("; "))
}

/// How the Plan stands, in a paragraph that cites the incident.
async fn told(incident: &Incident, actions: &str, beginning: &str, shared: &Shared) -> String {
    let id = &incident.id;
    let mark = format!("[{id}]");
    let title = shared.session.for_people(&incident.title);
    let cited = Cited { mark: mark.clone(), title, uri: format!("/api/v1/incidents/{id}") };
    shared.progress.say(RunEvent::Citation { cited }, PATIENCE).await;
    let start = format!("{beginning} for incident {mark}: {actions}. Nothing has been changed");
    if let Some(needed) = RunEvent::approval_needed(incident, |reason| shared.session.for_people(reason)) {
        let text = waits(&start, &needed);
        shared.progress.say(needed, PATIENCE).await;
        return text;
    }
    match (incident.phase, &incident.reason) {
        (Phase::Guard, _) => {
            format!(
                "{start}. Policy has not judged it yet; `kubewright incidents show {id}` tells how it stands."
            )
        }
        (Phase::Escalated, Some(reason)) => {
            format!("{start}, and it will not be made. {}", shared.session.for_people(reason))
        }
        (phase, _) => format!("{start} by chat; the incident is in phase {phase} now."),
    }
}

/// Reasons without the Action that each begins with where it is the same in all: it has been named already.
fn in_short(reasons: &[String]) -> String {
    let about =
        reasons.first().and_then(|first| first.split_once(": ")).map(|(action, _)| format!("{action}: "));
    let shared = about.filter(|about| reasons.iter().filter(|reason| reason.starts_with(about)).count() > 1);
    let short = |reason: &String| match &shared {
        Some(about) => reason.strip_prefix(about.as_str()).unwrap_or(reason).to_owned(),
        None => reason.clone(),
    };
    reasons.iter().map(short).collect::<Vec<_>>().join("; ")
}

fn waits(start: &str, needed: &RunEvent) -> String {
    let RunEvent::ApprovalNeeded { reasons, digest, expires_at, command, request, .. } = needed else {
        return format!("{start}.");
    };
    format!(
        "{start}: a person has to approve it first, because {}. To look at it and answer: `{command}`, or `{request}` \
         with the digest `{digest}`, until {}.",
        in_short(reasons),
        expires_at.strftime("%F %H:%M UTC")
    )
}

#[cfg(test)]
mod tests {
    use super::in_short;

    #[test]
    fn an_action_is_named_once() {
        let reasons =
            ["scale Deployment shop/web: level 1: ask", "scale Deployment shop/web: an agent", "from chat"];
        let reasons = reasons.map(str::to_owned);
        assert_eq!(in_short(&reasons), "level 1: ask; an agent; from chat");
        let two = ["restart a: x", "scale b: y"].map(str::to_owned);
        assert_eq!(in_short(&two), "restart a: x; scale b: y");
    }
}

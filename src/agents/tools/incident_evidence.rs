//! `incident_evidence`: what is known of an incident, part by part.

use std::sync::Arc;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::metrics_query::limit;
use super::schema::schema_of;
use super::search_knowledge::shortened;
use super::{Access, Observation, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::{
    Action, Event, Evidence, EvidenceSource, Hypothesis, Incident, ObjectRef, Plan, Recorded, Score, Signal,
    Story,
};
use crate::store::FindError;

/// Entries on one page unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 25;
const MOST: usize = 100;

/// Longest entry, characters.
const LONGEST: usize = 1200;

/// Signal strength of another incident, for whoever cites it.
const STRENGTH: f64 = 0.2;

/// Reads an incident.
pub(super) struct IncidentEvidence;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Its identifier, or the beginning of it; the incident of this conversation unless set.
    #[serde(default)]
    incident: Option<String>,
    /// Which part; the summary unless set.
    #[serde(default)]
    part: Part,
    /// Entries to pass over: the number that the page before said to go on with.
    #[serde(default)]
    after: usize,
    /// How many entries, 1 to 100; 25 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// How it stands, what happened, why, what was done.
    #[default]
    Summary,
    /// What was seen, with the identifiers to cite (E1, E2, …) and the fields that show it.
    Evidence,
    /// Possible causes with the Evidence for and against them.
    Hypotheses,
    /// What could not be seen.
    Gaps,
    /// The alerts with their labels and annotations.
    Signals,
    /// What happened in order.
    Timeline,
}

impl Tool for IncidentEvidence {
    fn name(&self) -> &'static str {
        "incident_evidence"
    }

    fn description(&self) -> &'static str {
        "Reads an incident that kubewright knows: its summary, or page by page its evidence (with the identifiers E1, E2, … \
         to cite), hypotheses, gaps (what could not be seen), signals (alerts) or timeline. Without `incident` it is the \
         one that this conversation is about; others are named by their identifier or the beginning of it."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { read(arguments(given)?, context).await })
    }
}

async fn read(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let limit = limit(given.limit, DEFAULT, MOST)?;
    let incident = find(given.incident.as_deref(), context).await?;
    permit(&incident, context)?;
    let withheld =
        |object: &ObjectRef| !object.namespace.is_empty() && context.access.check(&object.namespace).is_err();
    let entries = match given.part {
        Part::Summary => return Ok(summary(&incident, context, withheld)),
        Part::Timeline => return timeline(&incident, given.after, limit, context, withheld).await,
        Part::Evidence => parts(&incident.evidence, |seen| !withheld(&seen.object), evidence),
        Part::Hypotheses => parts(&incident.hypotheses, |cause| !withheld(&cause.object), hypothesis),
        Part::Gaps => parts(&incident.gaps, |_| true, |gap| format!("{}: {}", gap.collector, gap.reason)),
        Part::Signals => parts(
            &incident.signals,
            |signal| {
                signal
                    .scope
                    .namespace
                    .as_deref()
                    .is_none_or(|namespace| context.access.check(namespace).is_ok())
            },
            signal,
        ),
    };
    Ok(page(&incident, &entries, given.after, limit))
}

async fn find(named: Option<&str>, context: &ToolContext) -> Result<Arc<Incident>, ToolError> {
    let own = context.incident.as_ref();
    let Some(named) = named else {
        return own.cloned().ok_or_else(|| {
            ToolError::Arguments("incident: name one; this conversation is about none".to_owned())
        });
    };
    if let Some(own) = own.filter(|own| own.id.as_str() == named) {
        return Ok(own.clone());
    }
    let id = context.store.find(named).await.map_err(|error| match error {
        // Identifiers of incidents that may not be seen are not listed.
        FindError::Ambiguous { .. } => {
            ToolError::Arguments("incident: several begin so; give the whole identifier".to_owned())
        }
        FindError::NotFound(_) => unknown(named),
        error => unreadable(&error),
    })?;
    let found = context.store.incident(&id).await.map_err(|error| unreadable(&error))?;
    found.map(Arc::new).ok_or_else(|| unknown(named))
}

fn unknown(named: &str) -> ToolError {
    let named: String = named.chars().take(40).collect();
    ToolError::NotFound(format!(
        "there is no incident {named:?}; name it by its identifier, or the beginning of it, as lists of incidents give it"
    ))
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> ToolError {
    tracing::error!(%error, "an incident could not be read for a tool");
    ToolError::Unavailable("the store did not answer; try again".to_owned())
}

/// An incident that may not be seen is told as one that does not exist.
fn permit(incident: &Incident, context: &ToolContext) -> Result<(), ToolError> {
    let permitted = match &context.access {
        Access::Everything => true,
        Access::Namespaces(permitted) => {
            incident.cluster == context.observer.name()
                && incident.namespace.as_ref().is_some_and(|namespace| permitted.contains(namespace))
        }
    };
    if permitted { Ok(()) } else { Err(unknown(incident.id.as_str())) }
}

/// The entries that may be seen; of the others only that they are there.
struct Entries {
    told: Vec<String>,
    withheld: usize,
}

fn parts<T>(all: &[T], permitted: impl Fn(&T) -> bool, tell: impl Fn(&T) -> String) -> Entries {
    let told: Vec<String> =
        all.iter().filter(|one| permitted(one)).map(|one| shortened(&tell(one), LONGEST)).collect();
    Entries { withheld: all.len() - told.len(), told }
}

fn page(incident: &Incident, entries: &Entries, after: usize, limit: usize) -> ToolOutput {
    let total = entries.told.len();
    let mut text = format!("{} of incident {}:\n", count(total), incident.id);
    let mut shown = after.min(total);
    for entry in entries.told.iter().skip(after).take(limit) {
        // The first always fits: it is shortened.
        if text.len() + entry.len() + 200 > super::MOST_BYTES {
            break;
        }
        text.push_str(&format!("- {entry}\n"));
        shown += 1;
    }
    if entries.withheld > 0 {
        text.push_str(&format!("{} more are of namespaces that may not be read here.\n", entries.withheld));
    }
    let cut = (shown < total)
        .then(|| format!("cut: up to number {shown} of {total} shown; go on with after={shown}"));
    ToolOutput { text, cut, ..ToolOutput::default() }
}

fn count(total: usize) -> String {
    match total {
        1 => "1 entry".to_owned(),
        total => format!("{total} entries"),
    }
}

fn summary(incident: &Incident, context: &ToolContext, withheld: impl Fn(&ObjectRef) -> bool) -> ToolOutput {
    // The story quotes what was seen: it is told of what may be seen alone.
    let mut visible = incident.clone();
    visible.evidence.retain(|seen| !withheld(&seen.object));
    visible.hypotheses.retain(|cause| !withheld(&cause.object));
    visible.executions.retain(|execution| !withheld(execution.action.target()));
    let acts_elsewhere = |plan: &Plan| plan.actions.iter().any(|planned| withheld(planned.action.target()));
    if visible.plan.as_ref().is_some_and(acts_elsewhere) {
        (visible.plan, visible.decision, visible.verification) = (None, None, None);
    }
    let story = Story::of(&visible);
    let mut text = format!(
        "{}\nopened {}, severity {}, cluster {}, {} pieces of evidence, {} hypotheses, {} gaps, {} signals\n",
        story.headline,
        incident.opened_at,
        incident.severity.as_str(),
        incident.cluster,
        visible.evidence.len(),
        visible.hypotheses.len(),
        incident.gaps.len(),
        incident.signals.len()
    );
    for (heading, lines) in story.sections() {
        text.push_str(&format!("\n{heading}:\n"));
        text.extend(lines.iter().map(|line| format!("- {}\n", shortened(line, LONGEST))));
    }
    let output = ToolOutput::bounded(text, "read one part");
    output.with(past(incident, context))
}

/// Another incident than the one of the run can be cited as a whole; the own one's Evidence is cited piece by piece.
fn past(incident: &Incident, context: &ToolContext) -> Option<Observation> {
    let own = context.incident.as_ref().is_some_and(|own| own.id == incident.id);
    (!own).then(|| Observation {
        source: EvidenceSource::PastIncident,
        object: ObjectRef::cluster_wide("Incident", incident.id.as_str()),
        statement: shortened(&Story::of(incident).headline, 300),
        strength: Score::new(STRENGTH),
        at: incident.closed_at.unwrap_or(incident.updated_at),
        fields: [("incident".to_owned(), incident.id.to_string())].into(),
    })
}

fn evidence(seen: &Evidence) -> String {
    let fields: Vec<String> = seen.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    format!(
        "{} [{}, strength {:.2}] {}: {} at {}{fields}",
        seen.id,
        seen.code,
        seen.strength.value(),
        seen.object,
        seen.statement,
        seen.at
    )
}

fn hypothesis(cause: &Hypothesis) -> String {
    let ids = |ids: &[crate::incident::EvidenceId]| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let against = ids(&cause.evidence_against);
    let against = if against.is_empty() { String::new() } else { format!("; against: {against}") };
    format!(
        "{} on {} ({:.0} %): {} [for: {}{against}]",
        cause.code,
        cause.object,
        cause.confidence.value() * 100.0,
        cause.statement,
        ids(&cause.evidence_for)
    )
}

fn signal(signal: &Signal) -> String {
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    let expression =
        signal.expression.as_deref().map(|text| format!("; expression: {text}")).unwrap_or_default();
    format!(
        "{} ({}) since {}: {} [labels: {}] [annotations: {}]{expression}",
        signal.name,
        signal.severity.as_str(),
        signal.starts_at,
        signal.summary,
        pairs(&signal.labels),
        pairs(&signal.annotations)
    )
}

async fn timeline(
    incident: &Incident,
    after: usize,
    limit: usize,
    context: &ToolContext,
    withheld: impl Fn(&ObjectRef) -> bool,
) -> Result<ToolOutput, ToolError> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let events =
        context.store.events(&incident.id, after, limit).await.map_err(|error| unreadable(&error))?;
    if events.is_empty() {
        let text = format!("Nothing more happened to incident {}.\n", incident.id);
        return Ok(ToolOutput { text, ..ToolOutput::default() });
    }
    let lines: Vec<String> =
        events.iter().map(|event| shortened(&happened(event, &withheld), LONGEST / 4)).collect();
    let last = events.last().map_or(after, |event| event.seq);
    let mut output = ToolOutput::bounded(lines.join("\n"), "set a smaller limit");
    if events.len() == limit && output.cut.is_none() {
        output.cut = Some(format!("cut: there may be more; go on with after={last}"));
    }
    Ok(output)
}

fn happened(recorded: &Recorded, withheld: impl Fn(&ObjectRef) -> bool) -> String {
    let act = |action: &Action| match withheld(action.target()) {
        true => "an Action in a namespace that may not be read here".to_owned(),
        false => action.to_string(),
    };
    let what = match &recorded.event {
        Event::Opened { signal } | Event::SignalAttached { signal } => {
            format!("{} ({}): {}", signal.name, signal.severity.as_str(), signal.summary)
        }
        Event::SignalResolved { fingerprint } => fingerprint.to_string(),
        Event::Observed { objects, logs, readings, gaps } => {
            format!("{objects} objects, {logs} logs, {readings} readings, {} gaps", gaps.len())
        }
        Event::Diagnosed { evidence, hypotheses } => {
            let best = hypotheses.iter().find(|cause| !withheld(&cause.object));
            let best = best.map_or("none".to_owned(), |cause| format!("{} on {}", cause.code, cause.object));
            format!("{} pieces of evidence, best hypothesis {best}", evidence.len())
        }
        Event::Investigated { investigation } => {
            format!("{:?}, {} runs of agents", investigation.end, investigation.runs.len())
        }
        Event::Planned { plan } | Event::ProposedInChat { plan, .. } => {
            let actions: Vec<String> =
                plan.actions.iter().map(|planned| planned.action.to_string()).collect();
            actions.join("; ")
        }
        Event::Decided { decision } => format!("{:?}: {}", decision.verdict, decision.reasons.join(" ")),
        Event::ApprovalRequested { approval } => format!("until {}", approval.expires_at),
        Event::ApprovalAnswered { approved, by, .. } => {
            format!("{} by {by}", if *approved { "approved" } else { "denied" })
        }
        Event::ExecutionIntended { execution } | Event::ExecutionFinished { execution } => {
            format!("{} ({:?})", act(&execution.action), execution.state)
        }
        Event::PlanOutdated { reason }
        | Event::StepFailed { reason, .. }
        | Event::Escalated { reason }
        | Event::Closed { reason, .. } => reason.clone(),
        Event::VerificationLooked { verification } => {
            let held = verification.results.iter().filter(|result| result.passed == Some(true)).count();
            format!("{held} of {} checks hold", verification.results.len())
        }
        Event::ApprovalExpired | Event::RollbackFinished => String::new(),
    };
    format!("{} {} {}: {what}", recorded.seq, recorded.at, recorded.event.kind())
}

//! `run_analyzers`: a fresh look at a namespace or workload by the deterministic analyzers and rules.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::schema::schema_of;
use super::{Access, Observation, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::diagnose::Diagnosis;
use crate::incident::{Evidence, Hypothesis, ObjectRef, Scope};
use crate::observe::Snapshot;

/// Fields of one finding that are shown.
const FIELDS: usize = 8;

/// Takes a Snapshot and diagnoses it.
pub(super) struct RunAnalyzers;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The namespace to look at.
    namespace: String,
    /// The workload to look at closely; the whole namespace unless set.
    #[serde(default)]
    workload: Option<Workload>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Workload {
    /// Deployment, StatefulSet, DaemonSet, Job, CronJob, HorizontalPodAutoscaler or Service.
    kind: String,
    /// Its name.
    name: String,
}

impl Tool for RunAnalyzers {
    fn name(&self) -> &'static str {
        "run_analyzers"
    }

    fn description(&self) -> &'static str {
        "Reads the present state of a namespace or one workload in it (objects, events, logs, metrics, recent changes) and \
         runs kubewright's own analyzers and rules over it: gives what is abnormal and possible causes with their \
         confidence. Use it first for anything that is not part of the incident's evidence yet, and to see whether \
         something has changed since. Takes some seconds."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { run(arguments(given)?, context).await })
    }
}

async fn run(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    context.access.check(&given.namespace)?;
    let workload =
        given.workload.map(|workload| ObjectRef::new(workload.kind, &given.namespace, workload.name));
    let scope = Scope {
        cluster: context.observer.name().to_owned(),
        namespace: Some(given.namespace),
        workload,
        ..Scope::default()
    };
    let mut snapshot = context.observer.snapshot(&scope, &[]).await;
    if let Access::Namespaces(permitted) = &context.access {
        snapshot.retain_namespaces(|namespace| permitted.contains(namespace));
    }
    let rules = context.rules.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let diagnosis = rules.diagnose(&snapshot, &[]);
        (snapshot, diagnosis)
    });
    let (snapshot, mut diagnosis) = looked.await.map_err(|error| {
        tracing::error!(%error, "the analyzers failed");
        ToolError::Unavailable(
            "the analyzers failed; look at the objects with the kubernetes tools".to_owned(),
        )
    })?;
    // What is seen may name what is not: the target of a call, a volume's claim.
    let seen =
        |object: &ObjectRef| object.namespace.is_empty() || context.access.check(&object.namespace).is_ok();
    diagnosis.evidence.retain(|one| seen(&one.object));
    diagnosis.hypotheses.retain(|one| seen(&one.object));
    if snapshot.objects.count() == 0 {
        let gaps: Vec<&str> = snapshot.gaps.iter().map(|gap| gap.reason.as_str()).take(3).collect();
        return Err(ToolError::NotFound(format!(
            "nothing could be read there; look whether the namespace exists. {}",
            gaps.join("; ")
        )));
    }
    let output = ToolOutput::bounded(tell(&snapshot, &diagnosis), "name one workload");
    Ok(output.with(diagnosis.evidence.into_iter().map(cited)))
}

fn tell(snapshot: &Snapshot, diagnosis: &Diagnosis) -> String {
    let about = snapshot.focus.as_ref().map_or_else(String::new, |focus| format!(" about {focus}"));
    let mut text = format!("{} objects read at {}{about}.\n", snapshot.objects.count(), snapshot.taken_at);
    text.push_str("\nPossible causes, most likely first:\n");
    let causes = diagnosis.hypotheses.iter().map(|cause| hypothesis(cause, &diagnosis.evidence));
    text.push_str(&or_none(causes, if diagnosis.healthy { "nothing is wrong" } else { "none found" }));
    text.push_str("\nWhat is abnormal, strongest first:\n");
    text.push_str(&or_none(diagnosis.evidence.iter().map(finding), "nothing"));
    if !diagnosis.blind.is_empty() || !snapshot.gaps.is_empty() {
        text.push_str("\nNot seen:\n");
        let gaps = snapshot.gaps.iter().map(|gap| format!("- {}: {}\n", gap.collector, gap.reason));
        let blind = diagnosis.blind.iter().map(|blind| format!("- {blind}\n"));
        let mut lines: Vec<String> = gaps.chain(blind).collect();
        lines.dedup();
        text.extend(lines);
    }
    text
}

fn or_none(lines: impl Iterator<Item = String>, none: &str) -> String {
    let all: String = lines.collect();
    if all.is_empty() { format!("- {none}\n") } else { all }
}

/// Without the numbers of its Evidence: those of the incident's Evidence are others.
fn hypothesis(cause: &Hypothesis, evidence: &[Evidence]) -> String {
    let codes = |ids: &[crate::incident::EvidenceId]| -> Vec<&str> {
        evidence.iter().filter(|seen| ids.contains(&seen.id)).map(|seen| seen.code.as_str()).collect()
    };
    let against = codes(&cause.evidence_against);
    let against =
        if against.is_empty() { String::new() } else { format!("; against: {}", against.join(", ")) };
    format!(
        "- {} on {} ({:.0} %): {} [for: {}{against}]\n",
        cause.code,
        cause.object,
        cause.confidence.value() * 100.0,
        cause.statement,
        codes(&cause.evidence_for).join(", ")
    )
}

fn finding(seen: &Evidence) -> String {
    let fields: Vec<String> =
        seen.fields.iter().take(FIELDS).map(|(name, value)| format!("{name}={value}")).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    format!("- {} {}: {} at {}{fields}\n", seen.code, seen.object, seen.statement, seen.at)
}

fn cited(seen: Evidence) -> Observation {
    let Evidence { source, code, object, statement, strength, at, mut fields, .. } = seen;
    fields.insert("code".to_owned(), code);
    Observation { source, object, statement, strength, at, fields }
}

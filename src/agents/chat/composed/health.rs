//! What is wrong with an object: a fresh look at it, diagnosed.

use serde_json::json;

use super::Composer;
use super::concern::Concern;
use super::draft::prose;
use crate::agents::progress::RunEvent;
use crate::diagnose::Diagnosis;
use crate::incident::{Evidence, Hypothesis, ObjectRef, Scope};
use crate::observe::Snapshot;
use crate::store::IncidentFilter;

/// Objects that are looked at for one question; further ones are named.
const MOST: usize = 2;

/// Pieces of evidence that are told of one object.
const EVIDENCE: usize = 6;

/// Causes near an object that are told.
const NEAR: usize = 2;

/// Open incidents among which those about the object are looked for.
const INCIDENTS: usize = 50;

/// What was seen of one object.
pub(super) struct Look {
    pub(super) snapshot: Snapshot,
    diagnosis: Diagnosis,
}

impl Look {
    /// Whether nothing abnormal was found, and nothing that matters was out of sight.
    pub(super) fn is_healthy(&self) -> bool {
        self.diagnosis.healthy && self.snapshot.gaps.is_empty() && self.snapshot.objects.count() > 0
    }
}

impl Composer<'_> {
    /// Says what is wrong with each of `subjects`.
    pub(super) async fn diagnose(&mut self, subjects: &[ObjectRef]) -> anyhow::Result<()> {
        for subject in subjects.iter().take(MOST) {
            let Some(look) = self.look(subject).await else { continue };
            self.tell(subject, &look).await;
            self.tell_open_incidents(subject).await?;
        }
        let further = subjects.iter().skip(MOST).map(|object| prose(&object.to_string()));
        self.draft.list("Also called so, and not looked at; name the namespace to choose:", further);
        Ok(())
    }

    /// Reads what can be seen of an object now and diagnoses it.
    pub(super) async fn look(&mut self, subject: &ObjectRef) -> Option<Look> {
        let observer = self.observer?;
        let scope = scope(observer.name(), subject);
        let arguments = json!({ "cluster": observer.name(), "object": subject.to_string() });
        let work = async {
            let snapshot = observer.snapshot(&scope, &[]).await;
            let rules = self.sources.rules.clone();
            let looked = tokio::task::spawn_blocking(move || {
                let diagnosis = rules.diagnose(&snapshot, &[]);
                Look { snapshot, diagnosis }
            });
            looked.await.map_err(|_| "the analyzers failed; the server's log says more".to_owned())
        };
        let summary = |look: &Look| {
            let Diagnosis { evidence, hypotheses, .. } = &look.diagnosis;
            let objects = look.snapshot.objects.count();
            format!(
                "{objects} objects read, {} findings, {} possible causes",
                evidence.len(),
                hypotheses.len()
            )
        };
        match self.reading("run_analyzers", arguments, work, summary).await {
            Ok(look) => {
                let objects = look.snapshot.objects.count();
                self.draft.looked_at(format!("{objects} objects around {}", prose(&subject.to_string())));
                Some(look)
            }
            Err(error) => {
                self.draft.blind([error]);
                None
            }
        }
    }

    pub(super) async fn tell(&mut self, subject: &ObjectRef, look: &Look) {
        let Look { snapshot, diagnosis } = look;
        let concern = Concern::of(subject, diagnosis);
        // What belongs to namespaces that the caller may not see is not told, though it may be a dependency.
        let causes: Vec<&Hypothesis> =
            diagnosis.hypotheses.iter().filter(|cause| self.permits_object(&cause.object)).collect();
        let (own, near): (Vec<&Hypothesis>, Vec<&Hypothesis>) =
            causes.into_iter().partition(|cause| concern.is_explained_by(cause, &diagnosis.evidence));
        let shows = |seen: &Evidence| own.iter().any(|cause| cause.evidence_for.contains(&seen.id));
        let seen: Vec<&Evidence> = diagnosis
            .evidence
            .iter()
            .filter(|seen| self.permits_object(&seen.object) && (concern.is_own(&seen.object) || shows(seen)))
            .collect();
        for seen in seen.iter().take(EVIDENCE) {
            let (object, statement) = (seen.object.clone(), prose(&seen.statement));
            self.say(RunEvent::Evidence { id: None, object, statement }).await;
        }
        let name = prose(&subject.to_string());
        let objects = snapshot.objects.count();
        match own.split_first() {
            Some((best, others)) => self.tell_cause(&name, best, others, &seen, concern.is_ailing),
            None if objects == 0 => self.draft.say(format!("Nothing about {name} could be read.")),
            None if concern.is_ailing && !seen.is_empty() => {
                let heading = format!("No rule explains what is wrong with {name}, but this was seen:");
                self.draft.list(&heading, seen.iter().take(EVIDENCE).map(|seen| told(seen)));
            }
            None if diagnosis.blind.is_empty() && snapshot.gaps.is_empty() => self.draft.say(format!(
                "{name} looks healthy: {objects} objects around it, their events, logs and metrics were read, and no \
                 analyzer found anything abnormal about it."
            )),
            None => self.draft.say(format!(
                "Nothing abnormal was found about {name} in the {objects} objects that were read."
            )),
        }
        self.tell_near(&near);
        if self.turn.access.namespaces().is_none() {
            self.draft.blind(diagnosis.blind.iter().cloned());
        }
        self.note_gaps(&snapshot.gaps);
    }

    fn tell_cause(
        &mut self,
        name: &str,
        best: &Hypothesis,
        others: &[&Hypothesis],
        seen: &[&Evidence],
        is_ailing: bool,
    ) {
        let runbook = self.sources.recall.runbook_for(&best.code).cloned();
        let advice = runbook.map(|runbook| {
            let uri = crate::recall::document_href(crate::recall::BUILT_IN, &runbook.path);
            let mark = self.draft.cite(&runbook.title, &uri);
            format!(" What to do about it is in the runbook \"{}\" {mark}.", prose(&runbook.title))
        });
        let beginning = match is_ailing {
            true => format!("The most likely cause of what is wrong with {name}:"),
            false => format!("Nothing abnormal was found about {name} itself, but about what it depends on:"),
        };
        self.draft.say(format!("{beginning} {}.{}", cause(best), advice.unwrap_or_default()));
        let cited = seen.iter().filter(|seen| best.evidence_for.contains(&seen.id)).take(EVIDENCE);
        self.draft.list("What shows it:", cited.map(|seen| told(seen)));
        let others = others.iter().take(3).map(|other| {
            let (statement, sure) = (prose(&other.statement), other.confidence.value() * 100.0);
            format!("{statement} ({}, {sure:.0} %)", other.code)
        });
        self.draft.list("Also considered:", others);
    }

    /// What was found beside what was asked about: the best of it, for each object.
    fn tell_near(&mut self, near: &[&Hypothesis]) {
        let mut lines: Vec<(&ObjectRef, String)> = Vec::new();
        for other in near {
            if !lines.iter().any(|(object, _)| **object == other.object) {
                lines.push((&other.object, cause(other)));
            }
        }
        let heading = "Near it, and not found to be connected with it:";
        self.draft.list(heading, lines.into_iter().take(NEAR).map(|(_, line)| line));
    }

    /// Open incidents about an object, or about anything in a namespace.
    pub(super) async fn tell_open_incidents(&mut self, subject: &ObjectRef) -> anyhow::Result<()> {
        let whole = subject.kind == "Namespace";
        let namespace = if whole { &subject.name } else { &subject.namespace };
        let filter = IncidentFilter {
            open: Some(true),
            cluster: self.observer.map(|observer| observer.name().to_owned()),
            namespace: Some(namespace.clone()).filter(|namespace| !namespace.is_empty()),
            ..IncidentFilter::default()
        };
        let open = self.sources.store.incidents(&filter, None, INCIDENTS).await?.incidents;
        let about = open.into_iter().filter(|incident| {
            whole || incident.subject.as_ref().is_some_and(|about| about.name == subject.name)
        });
        let lines: Vec<String> = about.take(5).map(|incident| self.incident_line(&incident)).collect();
        self.draft.list("Open incidents about it:", lines);
        Ok(())
    }
}

/// A cause as it is told, without its full stop.
fn cause(cause: &Hypothesis) -> String {
    let (statement, object) = (prose(&cause.statement), prose(&cause.object.to_string()));
    format!("{statement} ({object}, {}, {:.0} % confident)", cause.code, cause.confidence.value() * 100.0)
}

/// A piece of evidence as it is told.
fn told(seen: &Evidence) -> String {
    format!("{}: {} ({})", seen.id, prose(&seen.statement), prose(&seen.object.to_string()))
}

/// Where to look for an object.
fn scope(cluster: &str, subject: &ObjectRef) -> Scope {
    let mut scope = Scope { cluster: cluster.to_owned(), ..Scope::default() };
    match subject.kind.as_str() {
        "Namespace" => scope.namespace = Some(subject.name.clone()),
        "Node" => scope.node = Some(subject.name.clone()),
        kind => {
            scope.namespace = Some(subject.namespace.clone());
            if kind == "Pod" {
                scope.pod = Some(subject.name.clone());
            } else {
                scope.workload = Some(subject.clone());
            }
        }
    }
    scope
}

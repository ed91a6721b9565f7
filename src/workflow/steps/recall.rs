//! Recall: what documents and past incidents say about what was just diagnosed.
//!
//! Asked after the deterministic pass, not with the Snapshot: only then are findings and causes known, and with them the
//! question is a good one. What is found is context: it comes after everything that was seen, is weaker than it, and no
//! Hypothesis is made of it.

use std::time::Duration;

use tracing::warn;

use crate::diagnose::Diagnosis;
use crate::incident::{Evidence, EvidenceId, Incident};
use crate::observe::Snapshot;
use crate::recall::Symptoms;
use crate::telemetry::metrics;
use crate::workflow::Workflow;

/// How long an incident waits for what is known about it.
const DEADLINE: Duration = Duration::from_secs(5);

impl Workflow {
    /// What is known about such symptoms; nothing where nothing is wrong, or where it would take too long.
    pub(super) async fn recalled(
        &self,
        incident: &Incident,
        diagnosis: &Diagnosis,
        k8s_version: Option<&str>,
    ) -> Vec<Evidence> {
        if diagnosis.healthy {
            return Vec::new();
        }
        let Diagnosis { evidence, hypotheses, .. } = diagnosis;
        let symptoms = Symptoms { incident, evidence, hypotheses, k8s_version };
        let Ok(recalled) = tokio::time::timeout(DEADLINE, self.recall.evidence(&symptoms)).await else {
            metrics::recalled("late");
            warn!(incident = %incident.id, "the knowledge base took too long; going on without it");
            return Vec::new();
        };
        metrics::recalled(if recalled.is_empty() { "nothing" } else { "found" });
        recalled
    }
}

/// The Evidence with what was recalled after it, numbered on.
pub(super) fn appended(mut seen: Vec<Evidence>, recalled: Vec<Evidence>) -> Vec<Evidence> {
    let last = seen.iter().map(|one| one.id.0).max().unwrap_or(0);
    let numbered = recalled.into_iter().zip(last + 1..);
    seen.extend(numbered.map(|(one, number)| Evidence { id: EvidenceId(number), ..one }));
    seen
}

/// The version that the first node's kubelet tells; the API server is of the same or a newer one.
pub(super) fn kubernetes_version(snapshot: &Snapshot) -> Option<String> {
    let mut statuses = snapshot.objects.nodes.iter().filter_map(|node| node.status.as_ref());
    let version = statuses.find_map(|status| Some(status.node_info.as_ref()?.kubelet_version.clone()))?;
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::appended;
    use crate::incident::{Evidence, EvidenceId, EvidenceSource, ObjectRef, Score};

    fn evidence(id: u32, source: EvidenceSource) -> Evidence {
        Evidence {
            id: EvidenceId(id),
            source,
            code: "c".to_owned(),
            object: ObjectRef::cluster_wide("Node", "n1"),
            statement: "s".to_owned(),
            strength: Score::new(0.3),
            at: jiff::Timestamp::UNIX_EPOCH,
            fields: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_recalled_comes_after_what_was_seen_and_changes_nothing_of_it() {
        let seen = vec![evidence(1, EvidenceSource::Object), evidence(2, EvidenceSource::Log)];
        let recalled = vec![evidence(0, EvidenceSource::Document), evidence(0, EvidenceSource::PastIncident)];
        let all = appended(seen.clone(), recalled);
        assert_eq!(all.iter().map(|one| one.id.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(all[..2], seen);
        assert_eq!(appended(seen.clone(), Vec::new()), seen);
        assert_eq!(appended(Vec::new(), vec![evidence(0, EvidenceSource::Document)])[0].id, EvidenceId(1));
    }
}

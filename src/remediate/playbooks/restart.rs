//! A crash loop that nothing explains: fresh pods may help (another node, an empty scratch volume, new connections).

use super::{Case, Pass, Repair};
use crate::incident::{Action, Hypothesis};

impl Case<'_> {
    /// A rolling restart of the workload.
    pub(super) fn restart(&self, hypothesis: &Hypothesis) -> Result<Vec<Repair>, Pass> {
        let Some(workload) = self.workload(hypothesis) else {
            return Err(self.not_here(hypothesis, "no workload was found behind this"));
        };
        Ok(vec![Repair {
            rationale: format!(
                "Nothing shows what set the failure of {workload} off; new pods start with empty scratch volumes and maybe on \
                 other nodes. It is the least that can be tried, and changes no setting."
            ),
            actions: vec![Action::RestartWorkload { workload: workload.clone() }],
            workloads: vec![workload],
            ..Repair::default()
        }])
    }
}

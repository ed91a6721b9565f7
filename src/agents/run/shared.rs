//! What the agents of one incident or one chat turn have in common.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::agents::Agents;
use crate::agents::budget::{Books, Budget};
use crate::agents::ledger::Ledger;
use crate::agents::progress::Progress;
use crate::agents::run::{Records, Summariser};
use crate::agents::tools::{Access, Proposals, ToolContext, Tools};
use crate::egress::Session;
use crate::incident::{Evidence, Incident, IncidentId};
use crate::observe::Observer;
use crate::settings::OTHERS;

/// What the agents of one incident or one chat turn share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) tools: Tools,
    pub(crate) context: ToolContext,
    pub(crate) session: Session,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Budget,
    pub(crate) records: Records,
    /// Who summarises what has become too long.
    pub(crate) summariser: Option<Arc<Summariser>>,
    pub(crate) progress: Progress,
    pub(crate) cancel: CancellationToken,
}

/// Who watches, and how they end it.
pub(crate) struct Watch {
    pub(crate) progress: Progress,
    pub(crate) cancel: CancellationToken,
}

impl Agents {
    /// What the agents of one incident or one chat turn share, with a session and a budget of its own; where an earlier
    /// process has begun the same step, with its session, its Evidence, and what it has used.
    pub(in crate::agents) fn share(
        &self,
        observer: &Observer,
        access: Access,
        incident: Option<Arc<Incident>>,
        evidence: &[Evidence],
        watch: Watch,
        records: Records,
    ) -> Shared {
        let (sources, Watch { progress, cancel }) = (&self.inner.sources, watch);
        let books = self.books(&access, incident.as_deref());
        let keeps = kept_under(&access, incident.as_deref());
        let context = ToolContext {
            observer: observer.clone(),
            access,
            rules: sources.rules.clone(),
            recall: sources.recall.clone(),
            store: sources.store.clone(),
            incident,
            now: Timestamp::now(),
            cancel: cancel.clone(),
            proposals: Proposals::default(),
            keeps: Some(keeps),
        };
        let (ledger, budget) = (Ledger::of(evidence), Budget::begin(self.inner.settings.limits, Some(books)));
        let session = match records.left() {
            None => self.inner.egress.session(),
            Some(left) => {
                ledger.restore(left.seen);
                budget.used_before(left.spent);
                self.inner.egress.resume(left.memory)
            }
        };
        Shared {
            tools: self.inner.tools.clone(),
            context,
            session,
            ledger,
            budget,
            records,
            summariser: self.inner.summariser.clone(),
            progress,
            cancel,
        }
    }

    /// Who is charged: the tenant of the incident's namespace, else the one who has all namespaces that may be read.
    fn books(&self, access: &Access, incident: Option<&Incident>) -> Books {
        let quotas = &self.inner.quotas;
        let tenant = match (incident, access) {
            (Some(incident), _) => quotas.tenant(incident.namespace.as_deref()),
            (None, Access::Namespaces(names)) => quotas.tenant_of_all(names),
            (None, Access::Everything) => OTHERS,
        };
        let about = incident.map(|incident| incident.id.clone());
        Books::new(self.inner.sources.store.clone(), quotas.clone(), tenant.to_owned(), about)
    }
}

/// What answers of tools are kept under. Those about an incident can be read again by its other runs; what a caller who
/// may not see everything has read belongs to that turn alone, and the other way round.
fn kept_under(access: &Access, incident: Option<&Incident>) -> String {
    match (access, incident) {
        (Access::Everything, Some(incident)) => incident.id.to_string(),
        _ => IncidentId::random().as_str().replacen("inc-", "turn-", 1),
    }
}

//! What the agents of one incident or one chat turn have in common.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::agents::Agents;
use crate::agents::budget::Budget;
use crate::agents::ledger::Ledger;
use crate::agents::progress::Progress;
use crate::agents::run::Records;
use crate::agents::tools::{Access, Proposals, ToolContext, Tools};
use crate::egress::Session;
use crate::incident::{Evidence, Incident};
use crate::observe::Observer;

/// What the agents of one incident or one chat turn share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) tools: Tools,
    pub(crate) context: ToolContext,
    pub(crate) session: Session,
    pub(crate) ledger: Ledger,
    pub(crate) budget: Budget,
    pub(crate) records: Records,
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
        let Watch { progress, cancel } = watch;
        let context = ToolContext {
            observer: observer.clone(),
            access,
            recall: self.inner.recall.clone(),
            store: self.inner.store.clone(),
            incident,
            now: Timestamp::now(),
            cancel: cancel.clone(),
            proposals: Proposals::default(),
        };
        let (ledger, budget) = (Ledger::of(evidence), Budget::begin(self.inner.settings.limits));
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
            progress,
            cancel,
        }
    }
}

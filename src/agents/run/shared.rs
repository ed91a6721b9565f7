//! What the agents of one incident or one chat turn have in common.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::agents::Agents;
use crate::agents::budget::{Books, Budget};
use crate::agents::ledger::Ledger;
use crate::agents::progress::Progress;
use crate::agents::tools::{Access, Proposals, ToolContext, Tools};
use crate::egress::Session;
use crate::incident::{Evidence, Incident};
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
    pub(crate) progress: Progress,
    pub(crate) cancel: CancellationToken,
}

impl Agents {
    /// What the agents of one incident or one chat turn share, with a session and a budget of its own.
    pub(in crate::agents) fn share(
        &self,
        observer: &Observer,
        access: Access,
        incident: Option<Arc<Incident>>,
        evidence: &[Evidence],
        progress: Progress,
        cancel: CancellationToken,
    ) -> Shared {
        let books = self.books(&access, incident.as_deref());
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
        Shared {
            tools: self.inner.tools.clone(),
            context,
            session: self.inner.egress.session(),
            ledger: Ledger::of(evidence),
            budget: Budget::begin(self.inner.settings.limits, Some(books)),
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
        Books::new(self.inner.store.clone(), quotas.clone(), tenant.to_owned(), about)
    }
}

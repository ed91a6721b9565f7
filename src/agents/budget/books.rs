//! The limits that outlive a run: looked at and booked in the store.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Exceeded, Want};
use crate::agents::model::Spent;
use crate::incident::IncidentId;
use crate::settings::{Allowance, Quotas};
use crate::store::{Account, Ceiling, Reserved, Store, Usage, UsageScope};

/// How long a reservation waits for the store: a database that is this slow is as good as away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is charged for the calls of a run, and what they may use.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    store: Store,
    quotas: Arc<Quotas>,
    tenant: String,
    incident: Option<IncidentId>,
}

/// What is booked for one call.
#[derive(Debug)]
pub(super) struct Booked {
    store: Store,
    account: Account,
    reserved: Usage,
    /// How long the call may take, where time is limited.
    pub(super) time_left: Option<Duration>,
}

impl Books {
    /// The books of `tenant`, for work on an incident or on none.
    pub(crate) fn new(
        store: Store,
        quotas: Arc<Quotas>,
        tenant: String,
        incident: Option<IncidentId>,
    ) -> Self {
        Self { store, quotas, tenant, incident }
    }

    /// Books what a call may use at most. Where the store cannot be asked, it may use nothing.
    pub(super) async fn reserve(&self, want: &Want) -> Result<Booked, Exceeded> {
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let account = Account { day, tenant: self.tenant.clone(), incident: self.incident.clone() };
        let reserved = Usage { tokens: want.tokens(), cost: want.cost(), turns: 1, millis: 0 };
        let ceilings = self.ceilings();
        let asked = self.store.reserve_usage(&account, &ceilings, &reserved);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(Reserved::Yes { millis_left })) => {
                let time_left = millis_left.map(Duration::from_millis);
                Ok(Booked { store: self.store.clone(), account, reserved, time_left })
            }
            Ok(Ok(Reserved::No(overrun))) => Err(Exceeded::lasting(&overrun, &self.tenant, day)),
            Ok(Err(_)) | Err(_) => Err(Exceeded::Unknown),
        }
    }

    /// The narrowest first: who meets several is told of what is nearest.
    fn ceilings(&self) -> Vec<Ceiling> {
        let of = |scope, most: Allowance| Ceiling { scope, most };
        let incident = self.incident.as_ref().map(|_| of(UsageScope::Incident, self.quotas.incident));
        let tenant = of(UsageScope::Tenant, self.quotas.of_tenant(&self.tenant));
        incident.into_iter().chain([tenant, of(UsageScope::Day, self.quotas.day)]).collect()
    }
}

impl Booked {
    /// Books what was used instead.
    pub(super) fn settle(self, spent: Spent, took: Duration) {
        let millis = u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        let turns = u64::from(spent.tokens() > 0);
        let used = Usage { tokens: spent.tokens(), cost: spent.cost, turns, millis };
        self.store.settle_usage(&self.account, &self.reserved, &used);
    }
}

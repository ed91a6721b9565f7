//! What language models have used: by day, tenant and incident.
//!
//! Owns the table and the moment in which a limit is looked at: reading what was used, comparing it with what may be
//! used, and booking what the next call may use at most are one transaction, so that neither tasks nor replicas go over a
//! limit together. A reservation stays booked until the real use takes its place; what a crash cuts off stays booked.

mod bookings;
mod read;
mod sums;

use jiff::civil::Date;

pub(super) use bookings::Bookings;
pub use read::{DayUsage, UsedBy};

use crate::incident::IncidentId;
use crate::settings::Allowance;

/// What calls of a model use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Tokens, read and written.
    pub tokens: u64,
    /// US dollars; stored in millionths, rounded up.
    pub cost: f64,
    /// Questions to a model.
    pub turns: u64,
    /// Time in which a model was waited for, ms.
    pub millis: u64,
}

/// Who is charged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The day (UTC) of the call.
    pub day: Date,
    /// The tenant.
    pub tenant: String,
    /// The incident; none where it is about none.
    pub incident: Option<IncidentId>,
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageScope {
    /// One incident, whatever day and tenant.
    Incident,
    /// One day of one tenant.
    Tenant,
    /// One day of all.
    Day,
}

/// What may be used at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Of what.
    pub scope: UsageScope,
    /// How much.
    pub most: Allowance,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Tokens.
    Tokens,
    /// Money.
    Cost,
    /// Questions to a model.
    Turns,
    /// Time of models.
    Time,
}

/// A limit that a call does not fit under.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overrun {
    /// Of what.
    pub scope: UsageScope,
    /// In what.
    pub resource: Resource,
    /// What is used already, with what calls under way may use.
    pub used: Usage,
    /// What may be used.
    pub most: Allowance,
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reserved {
    /// It may; what it uses at most is booked.
    Yes {
        /// How long it may take, ms, where time is limited.
        millis_left: Option<u64>,
    },
    /// It may not; nothing was booked.
    No(Overrun),
}

impl Ceiling {
    /// The limit that `more` on top of `used` would go over.
    fn overrun(&self, used: &Usage, more: &Usage) -> Option<Overrun> {
        let over = |limit: Option<u64>, used: u64, more: u64| {
            limit.is_some_and(|limit| used.saturating_add(more) > limit)
        };
        let money = |dollars: f64| u64::try_from(sums::micros_of(dollars)).unwrap_or_default();
        let Allowance { tokens, cost, turns, time } = self.most;
        let time = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let resource = if over(tokens, used.tokens, more.tokens) {
            Resource::Tokens
        // What costs nothing may be used also where the money is spent to the last cent.
        } else if more.cost > 0.0 && over(cost.map(money), money(used.cost), money(more.cost)) {
            Resource::Cost
        } else if over(turns, used.turns, more.turns) {
            Resource::Turns
        // How long a call will take nobody knows; it is given what is left.
        } else if time.is_some_and(|time| used.millis >= time) {
            Resource::Time
        } else {
            return None;
        };
        Some(Overrun { scope: self.scope, resource, used: *used, most: self.most })
    }

    /// How long a call may take, ms.
    fn millis_left(&self, used: &Usage) -> Option<u64> {
        let most = u64::try_from(self.most.time?.as_millis()).unwrap_or(u64::MAX);
        Some(most.saturating_sub(used.millis))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ceiling, Resource, Usage, UsageScope};
    use crate::settings::Allowance;

    #[test]
    fn a_limit_is_reached_by_the_last_unit_and_not_before() {
        let most = Allowance {
            tokens: Some(100),
            cost: Some(1.0),
            turns: Some(3),
            time: Some(Duration::from_millis(50)),
        };
        let ceiling = Ceiling { scope: UsageScope::Day, most };
        let used = Usage { tokens: 60, cost: 0.75, turns: 2, millis: 49 };
        let over = |more: Usage| ceiling.overrun(&used, &more).map(|overrun| overrun.resource);
        let fits = Usage { tokens: 40, cost: 0.25, turns: 1, millis: 0 };
        assert_eq!(over(fits), None);
        assert_eq!(over(Usage { tokens: 41, ..fits }), Some(Resource::Tokens));
        assert_eq!(over(Usage { cost: 0.250_001, ..fits }), Some(Resource::Cost));
        assert_eq!(over(Usage { turns: 2, ..fits }), Some(Resource::Turns));
        let late = ceiling.overrun(&Usage { millis: 50, ..used }, &fits);
        assert_eq!(late.map(|overrun| overrun.resource), Some(Resource::Time));
        assert_eq!(ceiling.millis_left(&used), Some(1));
        let free = Usage { cost: 0.0, ..fits };
        assert_eq!(ceiling.overrun(&Usage { cost: 2.0, ..used }, &free), None, "what is free is not refused");
    }
}

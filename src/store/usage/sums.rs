//! Sums of the table, read once in a transaction and kept up to date in it.

use std::collections::{BTreeMap, HashMap};

use sqlx::{AnyConnection, AssertSqlSafe};

use super::super::StoreError;
use super::super::sql::key;
use super::{Account, Usage, UsageScope};

/// Millionths of a US dollar.
const MILLION: f64 = 1e6;

/// What adds up a selection; PostgreSQL's sums of BIGINT are of another type.
pub(super) const SUMS: &str = "CAST(COALESCE(SUM(tokens), 0) AS BIGINT), CAST(COALESCE(SUM(cost), 0) AS BIGINT), \
     CAST(COALESCE(SUM(turns), 0) AS BIGINT), CAST(COALESCE(SUM(millis), 0) AS BIGINT)";

/// A row of [`SUMS`].
pub(super) type Row = (i64, i64, i64, i64);

/// A change of the table, which may take away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    tokens: i64,
    cost: i64,
    turns: i64,
    millis: i64,
}

impl Change {
    /// What `usage` adds.
    pub(super) fn of(usage: &Usage) -> Self {
        let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Self {
            tokens: whole(usage.tokens),
            cost: micros_of(usage.cost),
            turns: whole(usage.turns),
            millis: whole(usage.millis),
        }
    }

    /// What takes it back.
    pub(super) fn back(self) -> Self {
        Self { tokens: -self.tokens, cost: -self.cost, turns: -self.turns, millis: -self.millis }
    }

    /// Both one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost: self.cost.saturating_add(other.cost),
            turns: self.turns.saturating_add(other.turns),
            millis: self.millis.saturating_add(other.millis),
        }
    }

    /// As it is for people; what is less than nothing is nothing.
    pub(super) fn usage(self) -> Usage {
        let whole = |value: i64| u64::try_from(value).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "exact up to 9 billion dollars")]
        let cost = self.cost.max(0) as f64 / MILLION;
        Usage { tokens: whole(self.tokens), cost, turns: whole(self.turns), millis: whole(self.millis) }
    }
}

impl From<Row> for Change {
    fn from((tokens, cost, turns, millis): Row) -> Self {
        Self { tokens, cost, turns, millis }
    }
}

/// Millionths of a US dollar, rounded up: what is spent is never more than what is booked.
pub(super) fn micros_of(dollars: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and no bill is that long")]
    // Prices are binary fractions: a hair above a whole number is that number.
    let micros = (dollars * MILLION - 1e-6).ceil() as i64;
    micros.max(0)
}

/// What the limits of one transaction look at.
#[derive(Default)]
pub(super) struct Sums {
    known: HashMap<(UsageScope, String, String), Change>,
    changes: BTreeMap<Account, Change>,
}

impl Sums {
    /// What was used so far of what `scope` is about, with the changes of this transaction.
    pub(super) async fn used(
        &mut self,
        connection: &mut AnyConnection,
        scope: UsageScope,
        account: &Account,
    ) -> Result<Usage, StoreError> {
        let Some(place) = place(scope, account) else { return Ok(Usage::default()) };
        if let Some(known) = self.known.get(&place) {
            return Ok(known.usage());
        }
        let narrowed = match scope {
            UsageScope::Incident => "incident_id = $1",
            UsageScope::Tenant => "day = $1 AND tenant = $2",
            UsageScope::Day => "day = $1",
        };
        let sql = format!("SELECT {SUMS} FROM usage WHERE {narrowed}");
        let mut query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql)).bind(place.1.clone());
        if scope == UsageScope::Tenant {
            query = query.bind(place.2.clone());
        }
        let mut sum = Change::from(query.fetch_one(connection).await?);
        for (changed, change) in &self.changes {
            if self::place(scope, changed).as_ref() == Some(&place) {
                sum = sum.and(*change);
            }
        }
        self.known.insert(place, sum);
        Ok(sum.usage())
    }

    /// Changes what an account has used.
    pub(super) fn change(&mut self, account: &Account, change: Change) {
        for scope in [UsageScope::Incident, UsageScope::Tenant, UsageScope::Day] {
            if let Some(known) = place(scope, account).and_then(|place| self.known.get_mut(&place)) {
                *known = known.and(change);
            }
        }
        let all = self.changes.entry(account.clone()).or_default();
        *all = all.and(change);
    }

    /// Writes the changes.
    pub(super) async fn write(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        for (account, change) in self.changes.iter().filter(|(_, change)| **change != Change::default()) {
            sqlx::query::<sqlx::Any>(
                "INSERT INTO usage (day, tenant, incident_id, tokens, cost, turns, millis) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (day, tenant, incident_id) DO UPDATE SET \
                 tokens = usage.tokens + excluded.tokens, cost = usage.cost + excluded.cost, \
                 turns = usage.turns + excluded.turns, millis = usage.millis + excluded.millis",
            )
            .bind(account.day.to_string())
            .bind(key(&account.tenant))
            .bind(incident(account))
            .bind(change.tokens)
            .bind(change.cost)
            .bind(change.turns)
            .bind(change.millis)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// What a limit's sum is kept under; none where it does not apply.
fn place(scope: UsageScope, account: &Account) -> Option<(UsageScope, String, String)> {
    let day = account.day.to_string();
    Some(match scope {
        UsageScope::Incident => {
            account.incident.as_ref()?;
            (UsageScope::Incident, incident(account), String::new())
        }
        UsageScope::Tenant => (UsageScope::Tenant, day, key(&account.tenant)),
        UsageScope::Day => (UsageScope::Day, day, String::new()),
    })
}

fn incident(account: &Account) -> String {
    account.incident.as_ref().map(|incident| key(incident.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Change, micros_of};
    use crate::store::usage::Usage;

    #[test]
    fn money_is_rounded_up_to_what_is_stored() {
        assert_eq!((micros_of(0.1 + 0.2), micros_of(0.000_000_1), micros_of(-1.0)), (300_000, 1, 0));
        let usage = Usage { tokens: 3, cost: 0.25, turns: 1, millis: 7 };
        assert_eq!(Change::of(&usage).usage(), usage);
        let nothing = Change::of(&usage).and(Change::of(&usage).back());
        assert_eq!(nothing, Change::default());
        assert_eq!(Change::of(&usage).back().usage(), Usage::default(), "less than nothing is nothing");
    }
}

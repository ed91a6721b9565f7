//! Reading what was used.

use jiff::civil::Date;
use sqlx::AssertSqlSafe;

use super::super::sql::key;
use super::super::{Store, StoreError, answered};
use super::Usage;
use super::sums::{Change, Row, SUMS};
use crate::incident::IncidentId;

/// Most tenants and incidents of a day that are listed.
const MOST: i64 = 100;

/// What one tenant or incident has used.
#[derive(Debug, Clone, PartialEq)]
pub struct UsedBy<T> {
    /// Who.
    pub who: T,
    /// What.
    pub used: Usage,
}

/// What was used in a day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayUsage {
    /// By all.
    pub all: Usage,
    /// By tenants, the most tokens first; at most a hundred.
    pub tenants: Vec<UsedBy<String>>,
    /// By incidents, the most tokens first; at most a hundred.
    pub incidents: Vec<UsedBy<IncidentId>>,
}

impl Store {
    /// What was used in a day (UTC), reservations of calls under way included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_usage(&self, day: Date) -> Result<DayUsage, StoreError> {
        let sql = format!("SELECT {SUMS} FROM usage WHERE day = $1");
        let query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql)).bind(day.to_string());
        let all = answered(query.fetch_one(&self.inner.readers)).await?;
        let tenants = self.used_by(day, "tenant").await?;
        let incidents = self.used_by(day, "incident_id").await?;
        let incident =
            |used: UsedBy<String>| UsedBy { who: IncidentId::from_text(used.who), used: used.used };
        Ok(DayUsage {
            all: Change::from(all).usage(),
            tenants,
            incidents: incidents.into_iter().filter(|used| !used.who.is_empty()).map(incident).collect(),
        })
    }

    /// What an incident has used, on all days.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn incident_usage(&self, id: &IncidentId) -> Result<Usage, StoreError> {
        let sql = format!("SELECT {SUMS} FROM usage WHERE incident_id = $1");
        let query = sqlx::query_as::<sqlx::Any, Row>(AssertSqlSafe(sql)).bind(key(id.as_str()));
        let row = answered(query.fetch_one(&self.inner.readers)).await?;
        Ok(Change::from(row).usage())
    }

    async fn used_by(&self, day: Date, column: &'static str) -> Result<Vec<UsedBy<String>>, StoreError> {
        let sql = format!(
            "SELECT {column}, {SUMS} FROM usage WHERE day = $1 GROUP BY {column} \
             ORDER BY SUM(tokens) DESC, {column} LIMIT $2"
        );
        let query = sqlx::query_as::<sqlx::Any, (String, i64, i64, i64, i64)>(AssertSqlSafe(sql))
            .bind(day.to_string())
            .bind(MOST);
        let rows = answered(query.fetch_all(&self.inner.readers)).await?;
        let used = |(who, tokens, cost, turns, millis)| UsedBy {
            who,
            used: Change::from((tokens, cost, turns, millis)).usage(),
        };
        Ok(rows.into_iter().map(used).collect())
    }
}

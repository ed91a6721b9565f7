//! What language models have used today, and what they may use.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::HttpState;
use super::error::ApiError;
use crate::settings::{Allowance, OTHERS, Quotas};
use crate::store::{DayUsage, Usage};

/// What was used on this day (UTC), reservations of calls under way included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageToday {
    /// The day.
    pub day: String,
    /// When the limits of a day begin anew.
    pub begins_anew: String,
    /// By all together.
    pub all: Metered,
    /// By tenants: those that `agents.toml` names, and `others`.
    pub tenants: Vec<Metered>,
    /// By incidents, on this day; the limit is for all days together.
    pub incidents: Vec<Metered>,
}

/// What somebody has used, and may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metered {
    /// The tenant or incident; none: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Used.
    pub used: Amounts,
    /// The limit; what it leaves out is not limited.
    pub limit: Limits,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Amounts {
    /// Tokens, read and written.
    pub tokens: u64,
    /// US dollars.
    pub cost: f64,
    /// Questions to models.
    pub turns: u64,
    /// Seconds in which models were waited for.
    pub seconds: f64,
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Tokens, read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Questions to models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Seconds in which models are waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl From<Usage> for Amounts {
    fn from(Usage { tokens, cost, turns, millis }: Usage) -> Self {
        let seconds = std::time::Duration::from_millis(millis).as_secs_f64();
        Self { tokens, cost, turns, seconds }
    }
}

impl From<Allowance> for Limits {
    fn from(Allowance { tokens, cost, turns, time }: Allowance) -> Self {
        Self { tokens, cost, turns, seconds: time.map(|time| time.as_secs_f64()) }
    }
}

/// What language models have used today (UTC), with the limits.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    operation_id = "usage",
    tag = "operations",
    responses((status = 200, body = UsageToday), (status = 503, body = super::ErrorBody))
)]
pub(super) async fn show(State(state): State<HttpState>) -> Result<Json<UsageToday>, ApiError> {
    let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let used = state.store.day_usage(day).await?;
    Ok(Json(shown(day, used, &state.settings.agents.quotas)))
}

fn shown(day: Date, used: DayUsage, quotas: &Quotas) -> UsageToday {
    let metered = |name: Option<String>, used: Usage, limit: Allowance| Metered {
        name,
        used: used.into(),
        limit: limit.into(),
    };
    let of = |tenant: &str| used.tenants.iter().find(|used| used.who == tenant).map(|used| used.used);
    // Whoever has used something without being named any more counts, but has no limit.
    let named = quotas.tenants.keys().map(String::as_str).chain([OTHERS]);
    let past = used.tenants.iter().map(|used| used.who.as_str());
    let mut names: Vec<&str> = named.chain(past).collect();
    names.sort_unstable();
    names.dedup();
    let tenants = names
        .into_iter()
        .map(|name| metered(Some(name.to_owned()), of(name).unwrap_or_default(), quotas.of_tenant(name)));
    let incidents = used
        .incidents
        .iter()
        .map(|incident| metered(Some(incident.who.to_string()), incident.used, quotas.incident));
    UsageToday {
        day: day.to_string(),
        begins_anew: day.tomorrow().map(|next| format!("{next}T00:00:00Z")).unwrap_or_default(),
        all: metered(None, used.all, quotas.day),
        tenants: tenants.collect(),
        incidents: incidents.collect(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::shown;
    use crate::incident::IncidentId;
    use crate::settings::{Allowance, Quotas, TenantSettings};
    use crate::store::{DayUsage, Usage, UsedBy};

    #[test]
    fn every_tenant_is_shown_with_its_limit_whether_it_used_anything_or_not() {
        let day = Allowance { tokens: Some(9), ..Allowance::default() };
        let tenant = TenantSettings { namespaces: vec!["shop".to_owned()], day };
        let quotas = Quotas { tenants: [("shop".to_owned(), tenant)].into(), ..Quotas::default() };
        let some = Usage { tokens: 5, cost: 0.5, turns: 1, millis: 1_500 };
        let used = DayUsage {
            all: some,
            tenants: vec![UsedBy { who: "gone".to_owned(), used: some }],
            incidents: vec![UsedBy { who: IncidentId::from_text("inc-a"), used: some }],
        };
        let shown = shown(date(2026, 11, 21), used, &quotas);
        let tenants: Vec<_> = shown
            .tenants
            .iter()
            .map(|one| (one.name.as_deref().unwrap(), one.used.tokens, one.limit.tokens))
            .collect();
        assert_eq!(tenants, [("gone", 5, None), ("others", 0, None), ("shop", 0, Some(9))]);
        assert_eq!((shown.day.as_str(), shown.begins_anew.as_str()), ("2026-11-21", "2026-11-22T00:00:00Z"));
        assert_eq!((shown.all.used.seconds, shown.all.limit.tokens), (1.5, quotas.day.tokens));
        assert_eq!(shown.incidents[0].limit.cost, quotas.incident.cost);
    }
}

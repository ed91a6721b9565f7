//! Why nothing more may be asked, in words for people.

use jiff::civil::Date;

use crate::settings::Allowance;
use crate::store::{Overrun, Resource, UsageScope};

/// Why nothing more may be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Tokens of the run, or of one agent in it.
    #[error("the budget of {0} tokens{whose} is used up", whose = whose(.1))]
    Tokens(u64, Option<String>),
    /// Money of the same, in hundredths of a US dollar.
    #[error("the budget of {}.{:02} US dollars{whose} is used up", .0 / 100, .0 % 100, whose = whose(.1))]
    Cost(u64, Option<String>),
    /// Questions of the run.
    #[error("the {0} turns are used up")]
    Turns(u64),
    /// Time of the run, s.
    #[error("the time of {0} s is over")]
    Time(u64),
    /// A limit that outlives the run.
    #[error("{text}")]
    Lasting {
        /// `incident`, `tenant` or `day`.
        limit: &'static str,
        /// Which limit, what is used, and when it begins anew.
        text: String,
        /// Whether a shorter answer may fit.
        shorter: bool,
    },
    /// The store does not answer.
    #[error("what models have used so far cannot be read, so none is asked")]
    Unknown,
}

fn whose(agent: &Option<String>) -> String {
    agent.as_ref().map(|agent| format!(" of the {agent} agent")).unwrap_or_default()
}

impl Exceeded {
    /// The limit's name in metrics.
    pub(crate) fn limit(&self) -> &'static str {
        match self {
            Self::Tokens(_, Some(_)) | Self::Cost(_, Some(_)) => "agent",
            Self::Tokens(..) | Self::Cost(..) | Self::Turns(_) | Self::Time(_) => "run",
            Self::Lasting { limit, .. } => limit,
            Self::Unknown => "unknown",
        }
    }

    /// Whether another run would meet the same limit.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Lasting { .. } | Self::Unknown)
    }

    pub(super) fn may_fit_shorter(&self) -> bool {
        matches!(self, Self::Lasting { shorter: true, .. })
    }

    /// A stored limit, with the tenant and day that were asked for.
    pub(super) fn lasting(overrun: &Overrun, tenant: &str, day: Date) -> Self {
        let (limit, whose, renewed) = match overrun.scope {
            UsageScope::Incident => ("incident", "of one incident".to_owned(), String::new()),
            UsageScope::Tenant => ("tenant", format!("of tenant {tenant} for a day"), anew(day)),
            UsageScope::Day => ("day", "for a day".to_owned(), anew(day)),
        };
        let Overrun { resource, used, most, .. } = overrun;
        let text = match resource {
            Resource::Tokens => {
                let most = most.tokens.unwrap_or_default();
                format!("the limit of {most} tokens {whose} is reached ({} are used){renewed}", used.tokens)
            }
            Resource::Cost => {
                let most = most.cost.unwrap_or_default();
                format!(
                    "the limit of {most:.2} US dollars {whose} is reached ({:.2} are used){renewed}",
                    used.cost
                )
            }
            Resource::Turns => {
                let most = most.turns.unwrap_or_default();
                format!("the limit of {most} questions to models {whose} is reached{renewed}")
            }
            Resource::Time => {
                format!("the limit of {} s of models {whose} is reached{renewed}", seconds(most))
            }
        };
        Self::Lasting { limit, text, shorter: matches!(resource, Resource::Tokens | Resource::Cost) }
    }
}

fn seconds(most: &Allowance) -> u64 {
    most.time.map(|time| time.as_secs()).unwrap_or_default()
}

/// When a limit of a day begins anew.
fn anew(day: Date) -> String {
    day.tomorrow().map(|next| format!("; it begins anew at {next} 00:00 UTC")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::Exceeded;
    use crate::settings::Allowance;
    use crate::store::{Overrun, Resource, Usage, UsageScope};

    #[test]
    fn people_are_told_which_limit_what_is_used_and_when_it_begins_anew() {
        let most = Allowance { tokens: Some(5_000), cost: Some(2.5), ..Allowance::default() };
        let used = Usage { tokens: 4_990, cost: 2.49, turns: 9, millis: 0 };
        let overrun = Overrun { scope: UsageScope::Day, resource: Resource::Tokens, used, most };
        let told = |overrun: Overrun| Exceeded::lasting(&overrun, "shop", date(2026, 11, 21)).to_string();
        assert_eq!(
            told(overrun),
            "the limit of 5000 tokens for a day is reached (4990 are used); it begins anew at 2026-11-22 00:00 UTC"
        );
        let tenant = Overrun { scope: UsageScope::Tenant, resource: Resource::Cost, ..overrun };
        assert_eq!(
            told(tenant),
            "the limit of 2.50 US dollars of tenant shop for a day is reached (2.49 are used); it begins anew at \
             2026-11-22 00:00 UTC"
        );
        let incident = Overrun { scope: UsageScope::Incident, ..overrun };
        assert_eq!(told(incident), "the limit of 5000 tokens of one incident is reached (4990 are used)");
    }
}

//! What models may use beyond one run: for one incident, in one day, and in one day of one tenant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::raw;
use crate::settings::validate::Validator;

/// The tenant of whatever no table names: namespaces of nobody, chat about nothing in particular.
pub const OTHERS: &str = "others";

/// Longest name of a tenant.
const LONGEST_NAME: usize = 64;

/// What may be used in all; `None`: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Allowance {
    /// Tokens, read and written.
    pub tokens: Option<u64>,
    /// US dollars.
    pub cost: Option<f64>,
    /// Questions to a model.
    pub turns: Option<u64>,
    /// Time in which models were waited for, added up.
    pub time: Option<Duration>,
}

/// Who shares the models, with what is theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantSettings {
    /// Their namespaces in all clusters; one that ends with `*` is a beginning of names.
    pub namespaces: Vec<String>,
    /// What they may use in a day.
    pub day: Allowance,
}

/// What may be used beyond one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Quotas {
    /// By one incident, in all its steps and cycles, however long it takes.
    pub incident: Allowance,
    /// In one day (UTC) by everything together.
    pub day: Allowance,
    /// By name.
    pub tenants: BTreeMap<String, TenantSettings>,
}

impl Default for Quotas {
    fn default() -> Self {
        let allowed =
            |tokens, cost| Allowance { tokens: Some(tokens), cost: Some(cost), ..Allowance::default() };
        Self { incident: allowed(600_000, 3.0), day: allowed(20_000_000, 20.0), tenants: BTreeMap::new() }
    }
}

impl Quotas {
    /// Whose a namespace is: the tenant that names it, else the one that names the longest beginning of it, else
    /// [`OTHERS`].
    #[must_use]
    pub fn tenant(&self, namespace: Option<&str>) -> &str {
        let Some(namespace) = namespace else { return OTHERS };
        let named = self.tenants.iter().flat_map(|(name, tenant)| {
            tenant.namespaces.iter().filter_map(move |pattern| Some((fit(pattern, namespace)?, name)))
        });
        named.max_by_key(|(fit, _)| *fit).map_or(OTHERS, |(_, name)| name)
    }

    /// Whose several namespaces are: the tenant that has all of them, else [`OTHERS`].
    #[must_use]
    pub fn tenant_of_all(&self, namespaces: &BTreeSet<String>) -> &str {
        let mut tenants = namespaces.iter().map(|namespace| self.tenant(Some(namespace)));
        let Some(first) = tenants.next() else { return OTHERS };
        if tenants.all(|tenant| tenant == first) { first } else { OTHERS }
    }

    /// What a tenant may use in a day.
    #[must_use]
    pub fn of_tenant(&self, name: &str) -> Allowance {
        self.tenants.get(name).map(|tenant| tenant.day).unwrap_or_default()
    }
}

/// How well a pattern fits, if it does.
fn fit(pattern: &str, namespace: &str) -> Option<usize> {
    match pattern.strip_suffix('*') {
        Some(beginning) => namespace.starts_with(beginning).then_some(beginning.len()),
        None => (pattern == namespace).then_some(usize::MAX),
    }
}

/// What the sections `limits.incident`, `limits.day` and `tenants` say.
pub(super) fn read(
    check: &mut Validator<'_>,
    limits: &raw::Limits,
    tenants: BTreeMap<String, raw::Tenant>,
) -> Quotas {
    let default = Quotas::default();
    let incident = allowance(check, "limits.incident", limits.incident.as_ref(), default.incident);
    let day = allowance(check, "limits.day", limits.day.as_ref(), default.day);
    let mut taken = BTreeMap::new();
    let tenants = tenants.into_iter().map(|(name, raw)| {
        let tenant = tenant(check, &name, raw, &mut taken);
        (name, tenant)
    });
    Quotas { incident, day, tenants: tenants.collect() }
}

fn tenant(
    check: &mut Validator<'_>,
    name: &str,
    raw: raw::Tenant,
    taken: &mut BTreeMap<String, String>,
) -> TenantSettings {
    let place = format!("tenants.{name}");
    if name.is_empty() || name.len() > LONGEST_NAME {
        check.add(&place, format!("use 1 to {LONGEST_NAME} characters as the name"));
    }
    match (name == OTHERS, raw.namespaces.is_empty()) {
        (true, false) => {
            check.add(&place, "is whatever no other tenant names, so it names no namespaces");
        }
        (false, true) => check.add(&place, "name its namespaces, as namespaces = [\"shop\", \"shop-*\"]"),
        _ => {}
    }
    for namespace in &raw.namespaces {
        if namespace.trim_end_matches('*').contains('*') || namespace.is_empty() {
            check.add(&place, format!("\"{namespace}\" is no namespace; `*` may only be its end"));
        }
        if let Some(other) = taken.insert(namespace.clone(), name.to_owned()) {
            check.add(&place, format!("namespace {namespace} belongs to {other} already"));
        }
    }
    let limits = raw::Allowance { tokens: raw.tokens, cost: raw.cost, turns: raw.turns, time: raw.time };
    TenantSettings {
        day: allowance(check, &place, Some(&limits), Allowance::default()),
        namespaces: raw.namespaces,
    }
}

fn allowance(
    check: &mut Validator<'_>,
    place: &str,
    raw: Option<&raw::Allowance>,
    default: Allowance,
) -> Allowance {
    let Some(raw) = raw else { return default };
    for (key, value) in [("tokens", raw.tokens), ("turns", raw.turns)] {
        if value == Some(0) {
            check.add(&format!("{place}.{key}"), "must be 1 or more");
        }
    }
    if raw.cost.is_some_and(|cost| !(cost.is_finite() && cost > 0.0)) {
        check.add(&format!("{place}.cost"), "must be more than 0, in US dollars");
    }
    let time = raw.time.as_ref().map(|time| check.duration(&format!("{place}.time"), Some(time), 0));
    Allowance {
        tokens: raw.tokens.or(default.tokens),
        cost: raw.cost.or(default.cost),
        turns: raw.turns.or(default.turns),
        time: time.or(default.time),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::Duration;

    use super::{Allowance, OTHERS, Quotas};
    use crate::settings::{AgentsSettings, Environment};

    fn read(text: &str) -> Result<Quotas, String> {
        let read = AgentsSettings::parse(text, Path::new("agents.toml"), &Environment::new());
        read.map(|settings| settings.quotas).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_namespace_belongs_to_whoever_names_it_best() {
        let text = "[tenants.shop]\nnamespaces = [\"shop\", \"shop-*\"]\ntokens = 10\n\
                    [tenants.data]\nnamespaces = [\"shop-db*\"]\ncost = 0.5\ntime = \"10m\"\n";
        let quotas = read(text).unwrap();
        let whose = |namespace| quotas.tenant(Some(namespace));
        assert_eq!((whose("shop"), whose("shop-web"), whose("shop-db-1")), ("shop", "shop", "data"));
        assert_eq!((whose("shopping"), quotas.tenant(None)), (OTHERS, OTHERS));
        let all = |names: &[&str]| {
            let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
            quotas.tenant_of_all(&names).to_owned()
        };
        assert_eq!(
            (all(&["shop", "shop-a"]), all(&["shop", "shop-db"]), all(&[])),
            ("shop".to_owned(), OTHERS.to_owned(), OTHERS.to_owned())
        );
        let expected =
            Allowance { cost: Some(0.5), time: Some(Duration::from_secs(600)), ..Allowance::default() };
        assert_eq!((quotas.of_tenant("data"), quotas.of_tenant(OTHERS)), (expected, Allowance::default()));
    }

    #[test]
    fn what_the_file_leaves_out_stays() {
        let quotas = read("[limits.day]\ncost = 1.5\n").unwrap();
        let default = Quotas::default();
        assert_eq!(quotas.day, Allowance { cost: Some(1.5), ..default.day });
        assert_eq!(quotas.incident, default.incident);
    }

    #[test]
    fn what_cannot_be_meant_is_told_at_once() {
        let text = "[limits.day]\ntokens = 0\ncost = -1.0\n[limits.incident]\ntime = \"soon\"\n\
                    [tenants.a]\nnamespaces = [\"x\", \"*y*\"]\n[tenants.b]\nnamespaces = [\"x\"]\n[tenants.c]\n\
                    [tenants.others]\nnamespaces = [\"z\"]\n";
        let problems = read(text).unwrap_err();
        for expected in [
            "limits.day.tokens",
            "limits.day.cost",
            "limits.incident.time",
            "\"*y*\" is no namespace",
            "namespace x belongs to a already",
            "tenants.c: name its namespaces",
            "tenants.others",
        ] {
            assert!(problems.contains(expected), "{expected} in:\n{problems}");
        }
    }
}

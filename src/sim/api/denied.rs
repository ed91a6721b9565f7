//! Injected refusals: requests that an imagined RBAC does not allow.

use super::target::Target;
use crate::sim::objects::ApiError;

/// The user every request comes from.
pub(super) const USER: &str = "kubewright";

/// A rule that refuses requests. Empty lists refuse all verbs, all resources, all namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Denial {
    /// Verbs as RBAC names them: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
    /// Plural resource names, with the subresource after a slash: `pods`, `pods/log`.
    pub resources: Vec<String>,
    /// Namespaces; cluster-wide requests are refused by rules without namespaces only.
    pub namespaces: Vec<String>,
}

impl Denial {
    /// Refuses every use of a resource, everywhere.
    pub fn of(resource: &str) -> Self {
        Self { resources: vec![resource.to_owned()], ..Self::default() }
    }

    /// Whether the rule refuses a verb on a resource in a namespace.
    pub fn refuses(&self, verb: &str, resource: &str, namespace: Option<&str>) -> bool {
        let listed = |list: &[String], item: &str| list.is_empty() || list.iter().any(|entry| entry == item);
        let here = self.namespaces.is_empty() || namespace.is_some_and(|ns| listed(&self.namespaces, ns));
        listed(&self.verbs, verb) && listed(&self.resources, resource) && here
    }
}

/// Refuses a request that a rule is about, in RBAC's own words.
pub(super) fn check(denied: &[Denial], verb: &str, target: &Target) -> Result<(), ApiError> {
    let resource = match target.subresource.as_str() {
        "" => target.kind.plural.to_owned(),
        subresource => format!("{}/{subresource}", target.kind.plural),
    };
    if !denied.iter().any(|rule| rule.refuses(verb, &resource, target.namespace.as_deref())) {
        return Ok(());
    }
    let place = match &target.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"{USER}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {place}",
        target.kind.group
    );
    Err(ApiError::forbidden(target.kind, target.object_name(), &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_read_is_worded_as_rbac_words_it() {
        let rules =
            [Denial { verbs: vec!["list".into()], resources: vec!["pods".into()], namespaces: vec![] }];
        let target = Target::parse("", "v1", "namespaces/shop/pods").unwrap();
        let refused = check(&rules, "list", &target).unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                403,
                "pods is forbidden: User \"kubewright\" cannot list resource \"pods\" in API group \"\" in the \
                 namespace \"shop\""
            )
        );
        assert_eq!(check(&rules, "get", &target), Ok(()));
    }
}

//! What the API server refused, read from its own sentence.

use std::sync::LazyLock;

use regex::Regex;

use crate::incident::ObjectRef;

/// What a service account asked and was refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::diagnose) struct Question {
    /// The ServiceAccount.
    pub(in crate::diagnose) account: ObjectRef,
    /// `list`, `get`, `patch`.
    pub(in crate::diagnose) verb: String,
    /// The API group; empty for the core one.
    pub(in crate::diagnose) group: String,
    /// The resource, with its subresource where there is one: `pods/log`.
    pub(in crate::diagnose) resource: String,
    /// The object, where it asked for one by name.
    pub(in crate::diagnose) name: Option<String>,
    /// The namespace; `None` at the cluster scope.
    pub(in crate::diagnose) namespace: Option<String>,
}

static REFUSED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?:"([^"]{1,253})" )?is forbidden: User "system:serviceaccount:([^:"]{1,253}):([^"]{1,253})" cannot (\w{1,40}) "#,
        r#"resource "([^"]{1,253})" in API group "([^"]{0,253})" (?:in the namespace "([^"]{1,253})"|at the cluster scope)"#,
    ))
    .ok()
});

impl Question {
    /// Reads `… is forbidden: User "system:serviceaccount:NS:NAME" cannot VERB resource "R" in API group "G" in the namespace
    /// "N"` (or `at the cluster scope`); `None` for other sentences and for ones that are cut off.
    pub(in crate::diagnose) fn read(text: &str) -> Option<Self> {
        if !text.contains("system:serviceaccount:") {
            return None;
        }
        // A message inside a JSON line has its quotes escaped.
        let text = text.replace("\\\"", "\"");
        let found = REFUSED.as_ref()?.captures(&text)?;
        let part = |group| found.get(group).map(|found| found.as_str().to_owned());
        Some(Self {
            account: ObjectRef::new("ServiceAccount", part(2)?, part(3)?),
            verb: part(4)?,
            group: part(6)?,
            resource: part(5)?,
            name: part(1).filter(|name| !name.is_empty()),
            namespace: part(7),
        })
    }

    /// `list configmaps in namespace shop`, `get nodes.metrics.k8s.io in the whole cluster`.
    pub(in crate::diagnose) fn wording(&self) -> String {
        let Self { verb, group, resource, .. } = self;
        let resource = if group.is_empty() { resource.clone() } else { format!("{resource}.{group}") };
        let name = self.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        match &self.namespace {
            Some(namespace) => format!("{verb} {resource}{name} in namespace {namespace}"),
            None => format!("{verb} {resource}{name} in the whole cluster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Question;

    #[test]
    fn the_sentence_of_the_api_server_is_read_whole_escaped_or_not() {
        let line = r#"E0105 secrets "db" is forbidden: User "system:serviceaccount:shop:cart" cannot get resource "secrets" in API group "" in the namespace "data""#;
        for line in [line.to_owned(), line.replace('"', "\\\"")] {
            let asked = Question::read(&line).unwrap();
            assert_eq!(asked.account.to_string(), "ServiceAccount shop/cart");
            assert_eq!((asked.name.as_deref(), asked.namespace.as_deref()), (Some("db"), Some("data")));
            assert_eq!(asked.wording(), "get secrets db in namespace data");
        }
        let wide = r#"nodes.metrics.k8s.io is forbidden: User "system:serviceaccount:a:b" cannot list resource "nodes" in API group "metrics.k8s.io" at the cluster scope"#;
        let asked = Question::read(wide).unwrap();
        assert_eq!((asked.name, asked.namespace, asked.group.as_str()), (None, None, "metrics.k8s.io"));
    }

    #[test]
    fn other_users_other_refusals_and_cut_sentences_are_none() {
        for line in [
            "",
            r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "x""#,
            r#"pods is forbidden: User "system:serviceaccount:a:b" cannot list resource "pods" in API gr"#,
            r#"pods "x" is forbidden: exceeded quota: system:serviceaccount:"#,
        ] {
            assert_eq!(Question::read(line), None, "{line}");
        }
    }
}

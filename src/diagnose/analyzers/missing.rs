//! Missing ConfigMaps, Secrets and keys, as kubelet messages name them.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::ConfigKind;
use crate::incident::ObjectRef;

/// What a message says is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Missing {
    /// ConfigMap or Secret.
    pub(super) kind: ConfigKind,
    /// Its name.
    pub(super) name: String,
    /// The key, where the object exists and the key does not.
    pub(super) key: Option<String>,
}

static OBJECT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(configmap|secret) "(?:[^"/]+/)?([^"/]+)" not found"#).ok());
static KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)couldn't find key (\S+) in (configmap|secret) (?:[^\s/]+/)?([^\s/,;]+)").ok()
});

impl Missing {
    /// Reads kubelet's sentences: `configmap "x" not found`, `secret "x" not found`,
    /// `couldn't find key K in ConfigMap ns/x`.
    pub(super) fn read(message: &str) -> Option<Self> {
        let text =
            |found: &regex::Captures<'_>, group| found.get(group).map(|found| found.as_str().to_owned());
        if let Some(found) = KEY.as_ref()?.captures(message) {
            let kind = kind(&text(&found, 2)?);
            return Some(Self { kind, name: text(&found, 3)?, key: text(&found, 1) });
        }
        let found = OBJECT.as_ref()?.captures(message)?;
        Some(Self { kind: kind(&text(&found, 1)?), name: text(&found, 2)?, key: None })
    }

    /// The finding about what is missing, for a pod that needs it.
    pub(super) fn finding(&self, pod: &ObjectRef) -> Finding {
        let object = ObjectRef::new(self.kind.as_str(), pod.namespace.as_str(), self.name.as_str());
        let statement = match &self.key {
            Some(key) => format!("{pod} needs key {key} of {object}, which has no such key"),
            None => format!("{pod} needs {object}, which does not exist"),
        };
        Finding::new(self.code(), object, statement)
            .field("pod", &pod.name)
            .field(self.kind.field(), &self.name)
            .field_if("key", self.key.as_ref())
    }

    const fn code(&self) -> Code {
        match (self.kind, &self.key) {
            (ConfigKind::ConfigMap, None) => codes::CONFIG_MAP_MISSING,
            (ConfigKind::ConfigMap, Some(_)) => codes::CONFIG_MAP_KEY_MISSING,
            (ConfigKind::Secret, None) => codes::SECRET_MISSING,
            (ConfigKind::Secret, Some(_)) => codes::SECRET_KEY_MISSING,
        }
    }
}

fn kind(word: &str) -> ConfigKind {
    if word.eq_ignore_ascii_case("secret") { ConfigKind::Secret } else { ConfigKind::ConfigMap }
}

#[cfg(test)]
mod tests {
    use super::Missing;
    use crate::diagnose::index::ConfigKind::{self, ConfigMap, Secret};

    fn read(message: &str) -> Option<(ConfigKind, String, Option<String>)> {
        Missing::read(message).map(|missing| (missing.kind, missing.name, missing.key))
    }

    #[test]
    fn kubelets_sentences_name_what_is_missing() {
        let object = |kind, name: &str| Some((kind, name.to_owned(), None));
        let key = |kind, name: &str, key: &str| Some((kind, name.to_owned(), Some(key.to_owned())));
        let cases = [
            (r#"configmap "flags" not found"#, object(ConfigMap, "flags")),
            (r#"Error: secret "db" not found"#, object(Secret, "db")),
            (
                r#"MountVolume.SetUp failed for volume "v" : configmap "flags" not found"#,
                object(ConfigMap, "flags"),
            ),
            ("couldn't find key URL in ConfigMap shop/web", key(ConfigMap, "web", "URL")),
            ("Error: couldn't find key TOKEN in Secret pay/gateway", key(Secret, "gateway", "TOKEN")),
            ("object \"shop\"/\"kube-root-ca.crt\" not registered", None),
            ("", None),
        ];
        for (message, expected) in cases {
            assert_eq!(read(message), expected, "{message}");
        }
    }
}

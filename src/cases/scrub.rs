//! A Snapshot without secrets, fit to be sent to somebody or kept. Pure.
//!
//! Objects hold no values of Secrets anyway; what is left are literals in manifests, arguments, annotations and logs. They are
//! found by the names they bear and by the shapes in which secrets usually stand. Where in doubt, a value goes.

use serde_json::Value;

use crate::diagnose::mask::mask;
use crate::observe::Snapshot;

/// What stands where a value was.
const REDACTED: &str = "REDACTED";

/// Ends of names, without marks and in lower case, whose values are secret.
const SECRET: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "credential",
    "credentials",
    "secret",
];

/// The same Snapshot without secrets.
///
/// # Errors
/// Where it cannot be written as JSON and read again; then nothing may leave.
pub fn scrubbed(snapshot: &Snapshot) -> Result<Snapshot, serde_json::Error> {
    let mut value = serde_json::to_value(snapshot)?;
    scrub(&mut value);
    serde_json::from_value(value)
}

fn scrub(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask(text),
        Value::Array(items) => {
            items.iter_mut().for_each(scrub);
            arguments(items);
        }
        Value::Object(object) => {
            let named = object.get("name").and_then(Value::as_str).is_some_and(is_secret);
            for (key, value) in object.iter_mut() {
                let hidden =
                    (named && key == "value") || (is_secret(key) && !REFERENCES.contains(&key.as_str()));
                match value {
                    Value::String(text) if hidden && !text.is_empty() => *text = REDACTED.to_owned(),
                    value => scrub(value),
                }
            }
        }
        _ => {}
    }
}

/// Keys of the Kubernetes API that name a Secret and hold none.
const REFERENCES: [&str; 2] = ["secret", "credential"];

/// `--password`, then the password.
fn arguments(items: &mut [Value]) {
    let mut after_secret = false;
    for item in items {
        let Value::String(text) = item else {
            after_secret = false;
            continue;
        };
        if after_secret && !text.starts_with('-') {
            *text = REDACTED.to_owned();
        }
        after_secret = text.starts_with('-') && is_secret(text);
    }
}

/// Whether a name says that what it names is secret.
fn is_secret(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET.iter().any(|end| plain.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{scrub, scrubbed};
    use crate::cases::tests::snapshot;

    #[test]
    fn literals_that_are_secret_by_name_or_shape_are_gone_and_the_rest_stays() {
        let mut value = json!({
            "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "DB_HOST", "value": "db"},
                {"name": "URL", "value": "postgres://shop:hunter2@db/shop"},
                {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api-token", "key": "token"}}}],
            "args": ["--user", "shop", "--db-password", "hunter2", "--token=hunter2", "--password", "-v"],
            "volumes": [{"secret": {"secretName": "db-secret"}}],
            "custom": {"adminPassword": "hunter2", "secret": "name-of-one"},
        });
        scrub(&mut value);
        let text = value.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        for kept in ["db", "--user", "shop", "-v", "api-token", "db-secret", "name-of-one", "secretKeyRef"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert_eq!(value["env"][3]["valueFrom"]["secretKeyRef"]["key"], "token");
    }

    #[test]
    fn a_snapshot_stays_one() {
        let world = snapshot(
            json!({"pods": [{"metadata": {"namespace": "shop", "name": "a"}, "spec": {"containers": [
            {"name": "x", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}}]}),
        );
        let clean = scrubbed(&world).unwrap();
        let spec = clean.objects.pods[0].spec.as_ref().unwrap();
        assert_eq!(spec.containers[0].env.as_ref().unwrap()[0].value.as_deref(), Some("REDACTED"));
        assert_eq!(scrubbed(&clean).unwrap(), clean);
    }
}

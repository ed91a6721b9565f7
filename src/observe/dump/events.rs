//! Events of `events.k8s.io/v1`, which are the same objects under other names.

use serde_json::{Map, Value};

/// The newer names with the core API's.
const NAMES: [(&str, &str); 6] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("deprecatedCount", "count"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedSource", "source"),
];

/// The event as the core API would give it.
pub(super) fn as_core(mut event: Map<String, Value>) -> Value {
    for (newer, core) in NAMES {
        if let Some(value) = event.remove(newer) {
            event.insert(core.to_owned(), value);
        }
    }
    Value::Object(event)
}

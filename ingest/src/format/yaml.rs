//! Reads YAML within bounds: nesting, size, and what aliases unfold to.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Error;

/// Deepest nesting: real objects have about 20 levels, a schema in a custom resource definition up to 60.
const DEPTH: usize = 100;
/// Most values of one document: a list of all pods of a large cluster has a million.
const NODES: usize = 3_000_000;
/// Most values that aliases may add: real files repeat a few hundred.
const REPLAYED: usize = 100_000;

/// Why YAML was not understood.
pub(super) enum Broken {
    /// It is nested too deeply, too large, or its aliases unfold without end.
    Bound,
    /// It is no YAML; the line within the text, from 1, where known.
    Syntax(Option<u32>),
}

/// One YAML document as a value.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Broken> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_nodes: NODES,
            max_events: 3 * NODES,
            max_documents: 2,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAYED },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| cause(&error))
}

fn cause(error: &Error) -> Broken {
    match error.without_snippet() {
        Error::AliasError { error, .. } => cause(error),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => Broken::Bound,
        other => Broken::Syntax(other.location().and_then(|at| u32::try_from(at.line()).ok())),
    }
}

/// A value as YAML, keys in alphabetical order.
pub(super) fn render(value: Value) -> Option<String> {
    serde_saphyr::to_string(&sorted(value)).ok().map(|text| text.trim_end().to_owned())
}

/// The same value with its keys in alphabetical order, whichever map the JSON library was built with.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            entries.into_iter().collect()
        }
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}

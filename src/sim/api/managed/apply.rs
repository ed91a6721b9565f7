//! Server-side apply: merging a configuration into the live object by ownership.

use serde_json::{Map, Value, json};

use super::entries::{self, Entry, Operation};
use super::fields::{self, FieldSet, Path};
use crate::sim::api::schema::{self, ListType};
use crate::sim::objects::{ApiError, meta};

/// The manager of fields that were there before anybody applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies a configuration on behalf of `applier` (whose `fields` are ignored) to the live object, if there is one,
/// and returns the merged object with its ownership.
///
/// # Errors
/// 409 listing the fields that other managers own and that would change, unless `force` takes them.
pub(crate) fn apply(
    live: Option<&Value>,
    config: &Value,
    applier: &Entry,
    force: bool,
) -> Result<Value, ApiError> {
    let applied = FieldSet::of(config);
    let Some(live) = live else {
        let mut object = config.clone();
        entries::write(&mut object, vec![Entry { fields: applied, ..applier.clone() }]);
        return Ok(object);
    };
    let mut entries = owners_of(live, applier);
    let conflicts = conflicts(live, config, &applied, &entries, applier);
    if !conflicts.is_empty() && !force {
        return Err(conflict_error(&conflicts));
    }
    for conflict in &conflicts {
        if let Some(entry) = entries.get_mut(conflict.at) {
            entry.fields.drop_below(&conflict.path);
        }
    }
    let mut object = live.clone();
    merge(&mut object, config, &mut Vec::new());
    let previous = take_own(&mut entries, applier);
    prune(&mut object, &previous, &applied, &entries);
    entries.push(own_entry(applier, applied, &previous));
    entries::write(&mut object, entries);
    Ok(object)
}

fn owners_of(live: &Value, applier: &Entry) -> Vec<Entry> {
    let entries = entries::read(live);
    if !entries.is_empty() {
        return entries;
    }
    vec![Entry {
        manager: BEFORE_FIRST_APPLY.to_owned(),
        operation: Operation::Update,
        fields: FieldSet::of(live),
        subresource: String::new(),
        ..applier.clone()
    }]
}

/// The applier's entry; its time stays when its set does.
fn own_entry(applier: &Entry, applied: FieldSet, previous: &Option<Entry>) -> Entry {
    let unchanged = previous.as_ref().filter(|entry| entry.fields == applied);
    let time = unchanged.map_or(&applier.time, |entry| &entry.time).clone();
    Entry { fields: applied, time, ..applier.clone() }
}

fn take_own(entries: &mut Vec<Entry>, applier: &Entry) -> Option<Entry> {
    let at = entries.iter().position(|entry| entry.is_same_manager(applier))?;
    Some(entries.remove(at))
}

/// A field that another manager owns and that the configuration would change.
struct Conflict {
    /// Position of the owner's entry.
    at: usize,
    owner: String,
    path: Path,
}

fn conflicts(
    live: &Value,
    config: &Value,
    applied: &FieldSet,
    entries: &[Entry],
    applier: &Entry,
) -> Vec<Conflict> {
    let others = || entries.iter().enumerate().filter(|(_, entry)| !entry.is_same_manager(applier));
    let mut found = Vec::new();
    for path in &applied.0 {
        let is_container = path.last().is_some_and(|step| step.starts_with("k:"));
        if is_container || fields::find(live, path) == fields::find(config, path) {
            continue;
        }
        for (at, owner) in others().filter(|(_, entry)| entry.fields.covers(path)) {
            found.push(Conflict { at, owner: owner.described(), path: path.clone() });
        }
    }
    found.sort_by(|a, b| (&a.owner, &a.path).cmp(&(&b.owner, &b.path)));
    found
}

fn conflict_error(conflicts: &[Conflict]) -> ApiError {
    let message = match conflicts {
        [one] => {
            format!(
                "Apply failed with 1 conflict: conflict with {}: {}",
                one.owner,
                fields::display(&one.path)
            )
        }
        many => format!("Apply failed with {} conflicts: {}", many.len(), listed(many)),
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|conflict| {
            json!({
                "reason": "FieldManagerConflict",
                "message": format!("conflict with {}", conflict.owner),
                "field": fields::display(&conflict.path),
            })
        })
        .collect();
    ApiError { details: json!({"causes": causes}), ..ApiError::new(409, "Conflict", message) }
}

fn listed(conflicts: &[Conflict]) -> String {
    let mut lines = Vec::new();
    let mut last = "";
    for conflict in conflicts {
        if conflict.owner != last {
            lines.push(format!("conflicts with {}:", conflict.owner));
            last = &conflict.owner;
        }
        lines.push(format!("- {}", fields::display(&conflict.path)));
    }
    lines.join("\n")
}

/// Lays a configuration over an object: maps and keyed lists merge, everything else is replaced.
fn merge<'a>(live: &mut Value, config: &'a Value, names: &mut Vec<&'a str>) {
    match (live, config) {
        (Value::Object(into), Value::Object(from)) if !schema::is_atomic_map(names) => {
            merge_maps(into, from, names);
        }
        (Value::Array(into), Value::Array(from)) => merge_lists(into, from, names),
        (live, config) => live.clone_from(config),
    }
}

fn merge_maps<'a>(into: &mut Map<String, Value>, from: &'a Map<String, Value>, names: &mut Vec<&'a str>) {
    for (key, value) in from {
        names.push(key);
        match into.get_mut(key) {
            Some(existing) => merge(existing, value, names),
            None => {
                into.insert(key.clone(), value.clone());
            }
        }
        names.pop();
    }
}

fn merge_lists<'a>(into: &mut Vec<Value>, from: &'a [Value], names: &mut Vec<&'a str>) {
    let list_type = schema::list_type(names);
    if list_type == ListType::Atomic {
        into.clear();
        into.extend_from_slice(from);
        return;
    }
    for item in from {
        let step = fields::item_step(list_type, item);
        match into
            .iter_mut()
            .find(|existing| step.is_some() && fields::item_step(list_type, existing) == step)
        {
            Some(existing) => merge(existing, item, names),
            None => into.push(item.clone()),
        }
    }
}

/// Removes what the applier owned alone and no longer applies.
fn prune(object: &mut Value, previous: &Option<Entry>, applied: &FieldSet, others: &[Entry]) {
    let Some(previous) = previous else { return };
    let abandoned = previous
        .fields
        .0
        .iter()
        .filter(|path| !applied.covers(path) && !others.iter().any(|entry| entry.fields.covers(path)));
    // The deepest first, so that a list item goes only when nothing of it is wanted.
    let mut abandoned: Vec<&Path> = abandoned.collect();
    abandoned.sort_by_key(|path| std::cmp::Reverse(path.len()));
    for path in abandoned {
        fields::remove(object, path);
    }
    for field in ["labels", "annotations"] {
        if object.pointer(&format!("/metadata/{field}")) == Some(&json!({})) {
            meta::unset(object, field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(manager: &str, operation: Operation) -> Entry {
        Entry {
            manager: manager.to_owned(),
            operation,
            api_version: "apps/v1".to_owned(),
            subresource: String::new(),
            time: "2026-11-21T05:00:00Z".to_owned(),
            fields: FieldSet::default(),
        }
    }

    fn config(image: &str) -> Value {
        json!({
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}},
        })
    }

    #[test]
    fn a_second_applier_shares_equal_fields_and_conflicts_on_others() {
        let first = apply(None, &config("web:1"), &by("a", Operation::Apply), false).unwrap();
        assert!(apply(Some(&first), &config("web:1"), &by("b", Operation::Apply), false).is_ok());
        let refused = apply(Some(&first), &config("web:2"), &by("b", Operation::Apply), false).unwrap_err();
        assert_eq!(
            refused.message,
            "Apply failed with 1 conflict: conflict with \"a\": .spec.template.spec.containers[name=\"web\"].image"
        );
        let forced = apply(Some(&first), &config("web:2"), &by("b", Operation::Apply), true).unwrap();
        assert_eq!(
            forced["spec"]["template"]["spec"]["containers"],
            json!([{"name": "web", "image": "web:2"}])
        );
        let again = apply(Some(&forced), &config("web:1"), &by("a", Operation::Apply), false).unwrap_err();
        assert_eq!(again.code, 409);
    }

    #[test]
    fn an_update_takes_the_field_and_the_applier_then_conflicts_with_it() {
        let first = apply(None, &config("web:1"), &by("kubectl", Operation::Apply), false).unwrap();
        let mut changed = first.clone();
        changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:9");
        super::super::record_update(Some(&first), &mut changed, &by("kubectl-set", Operation::Update));
        let refused =
            apply(Some(&changed), &config("web:1"), &by("kubectl", Operation::Apply), false).unwrap_err();
        assert_eq!(
            refused.status()["details"]["causes"],
            json!([{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"kubectl-set\" using apps/v1",
                "field": ".spec.template.spec.containers[name=\"web\"].image",
            }])
        );
    }

    #[test]
    fn what_an_applier_leaves_out_goes_unless_another_owns_it() {
        let both = json!({"metadata": {"name": "c"}, "data": {"a": "1", "b": "2"}});
        let only_a = json!({"metadata": {"name": "c"}, "data": {"a": "1"}});
        let first = apply(None, &both, &by("x", Operation::Apply), false).unwrap();
        let alone = apply(Some(&first), &only_a, &by("x", Operation::Apply), false).unwrap();
        assert_eq!(alone["data"], json!({"a": "1"}));
        let shared = apply(Some(&first), &both, &by("y", Operation::Apply), false).unwrap();
        let kept = apply(Some(&shared), &only_a, &by("x", Operation::Apply), false).unwrap();
        assert_eq!(kept["data"], json!({"a": "1", "b": "2"}));
    }

    #[test]
    fn a_live_object_without_owners_belongs_to_nobody_in_particular() {
        let live = config("web:1");
        let refused = apply(Some(&live), &config("web:2"), &by("k", Operation::Apply), false).unwrap_err();
        assert!(
            refused.message.contains("conflict with \"before-first-apply\" using apps/v1"),
            "{}",
            refused.message
        );
    }
}

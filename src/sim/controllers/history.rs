//! ControllerRevisions: the history of StatefulSets and DaemonSets that `kubectl rollout` reads.

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::CONTROLLER_REVISIONS;
use crate::sim::objects::meta;
use crate::sim::world::{World, fields};

/// The label by which pods and revisions know each other.
pub(super) const HASH: &str = "controller-revision-hash";

/// The hash of an owner's template, with a revision object recording it.
pub(super) fn record(world: &World, owner: &Value) -> String {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let hash = pods::template_hash(&template, 0);
    let name = format!("{}-{hash}", meta::name(owner));
    let known = world.controlled(&CONTROLLER_REVISIONS, owner);
    let highest = known.iter().filter_map(|r| fields::int(r, "/revision")).max().unwrap_or(0);
    match known.iter().find(|revision| meta::name(revision) == name) {
        Some(revision) if fields::int(revision, "/revision") == Some(highest) => {}
        // Going back to an old template gives it a new number.
        Some(revision) => {
            world.modify(&CONTROLLER_REVISIONS, revision, |r| {
                fields::set(r, "/revision", (highest + 1).into());
            });
        }
        None => create(world, owner, &name, &hash, highest + 1, template),
    }
    hash
}

fn create(world: &World, owner: &Value, name: &str, hash: &str, revision: i64, mut template: Value) {
    fields::set(&mut template, "/$patch", "replace".into());
    let mut labels = owner.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    fields::set(&mut labels, &format!("/{HASH}"), hash.into());
    let object = json!({
        "metadata": {"name": name, "namespace": meta::namespace(owner), "labels": labels,
                     "ownerReferences": fields::controller_reference(owner)},
        "data": {"spec": {"template": template}},
        "revision": revision,
    });
    if let Err(error) = world.store.create(&CONTROLLER_REVISIONS, object) {
        tracing::debug!(%error, "a revision was not recorded");
    }
}

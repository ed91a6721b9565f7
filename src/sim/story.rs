//! Telling a scenario: its manifests become objects, its fault happens, and is it healed?

use anyhow::Context;
use serde_json::Value;

use super::kinds;
use super::objects::{Deletion, Write, meta};
use super::prometheus::{Metrics, Value as QueryValue, parse};
use super::scenarios::{Step, Target, manifests};
use super::world::{World, fields};

/// Creates or replaces the objects of a YAML text.
///
/// # Errors
/// When an object is refused.
pub(crate) fn apply(world: &World, yaml: &str) -> anyhow::Result<()> {
    for object in manifests(yaml)? {
        let kind = kinds::of(&object).context("a manifest of an unknown kind")?;
        let name = meta::name(&object).to_owned();
        let namespace = match (kind.namespaced, meta::namespace(&object)) {
            (false, _) => String::new(),
            (true, "") => "default".to_owned(),
            (true, namespace) => namespace.to_owned(),
        };
        let exists = world.store.get_shared(kind, &namespace, &name).is_some();
        let done = if exists {
            world.store.update(kind, object, Write::Main)
        } else {
            world.store.create(kind, object)
        };
        done.with_context(|| format!("the scenario's {} {namespace}/{name}", kind.kind))?;
    }
    Ok(())
}

/// Does the steps of a fault.
///
/// # Errors
/// When an object is refused or does not exist.
pub(crate) fn break_world(world: &World, steps: &[Step]) -> anyhow::Result<()> {
    for step in steps {
        match step {
            Step::Apply(yaml) => apply(world, yaml)?,
            Step::Set(change) => set(world, &change.object, &change.field, &change.value)?,
            Step::Delete(target) => {
                world.store.delete(target.kind, &target.namespace, &target.name, &Deletion::default())?;
            }
            Step::NodeDown(node) => {
                let now = world.now();
                world.switches().down.insert(node.clone(), now);
            }
            Step::Traffic(change) => {
                world.switches().traffic.insert(change.service.clone(), change.factor);
            }
            Step::Password(change) => {
                world.switches().passwords.insert(change.database.clone(), change.value.clone());
            }
        }
    }
    Ok(())
}

fn set(world: &World, target: &Target, field: &str, value: &Value) -> anyhow::Result<()> {
    let change = |object: &mut Value| fields::set(object, field, value.clone());
    world.store.modify(target.kind, &target.namespace, &target.name, change)?;
    Ok(())
}

/// Whether the scenario's condition for being healed holds now.
pub(crate) fn is_healed(world: &World, metrics: &Metrics) -> bool {
    let condition = &world.scenario.heals_when;
    condition.available.iter().all(|target| is_available(world, target))
        && condition.silent.iter().all(|expr| is_silent(metrics, expr))
}

/// Whether a workload's rollout is complete and all its replicas are available.
fn is_available(world: &World, target: &Target) -> bool {
    let Some(object) = world.store.get_shared(target.kind, &target.namespace, &target.name) else {
        return false;
    };
    let status = |field: &str| fields::int(&object, &format!("/status/{field}")).unwrap_or(0);
    let wanted = fields::int(&object, "/spec/replicas").unwrap_or(1);
    status("observedGeneration") >= fields::int(&object, "/metadata/generation").unwrap_or(1)
        && status("replicas") == wanted
        && status("updatedReplicas") == wanted
        && status("availableReplicas") == wanted
}

fn is_silent(metrics: &Metrics, expr: &str) -> bool {
    match parse(expr).and_then(|expr| metrics.query(&expr)) {
        Ok(QueryValue::Vector(elements)) => elements.is_empty(),
        Ok(_) => false,
        Err(error) => {
            tracing::error!(expr, %error, "a scenario's condition can't be evaluated");
            false
        }
    }
}

//! PodDisruptionBudgets: how many of their pods are healthy and how many may go.

use serde_json::{Value, json};

use super::pods;
use crate::sim::kinds::{POD_DISRUPTION_BUDGETS, PODS};
use crate::sim::objects::meta;
use crate::sim::world::fields::Condition;
use crate::sim::world::{World, fields};

pub(super) fn reconcile(world: &World) {
    for budget in world.all(&POD_DISRUPTION_BUDGETS) {
        if !meta::is_terminating(&budget) {
            write_status(world, &budget);
        }
    }
}

fn write_status(world: &World, budget: &Value) {
    let mut covered = world.within(&PODS, meta::namespace(budget));
    covered.retain(|pod| fields::selects(budget.pointer("/spec/selector"), pod) && pods::is_active(pod));
    let expected = pods::count(covered.iter());
    let healthy = pods::count(covered.iter().filter(|pod| pods::is_ready(pod)));
    let desired = match budget.pointer("/spec/maxUnavailable") {
        Some(unavailable) => expected - fields::share(Some(unavailable), expected, true, "0%"),
        None => fields::share(budget.pointer("/spec/minAvailable"), expected, true, "0%"),
    };
    let allowed = (healthy - desired).max(0);
    let (status, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let now = world.now();
    world.modify(&POD_DISRUPTION_BUDGETS, budget, |budget| {
        let generation = fields::int(budget, "/metadata/generation").unwrap_or(1);
        let conditions = budget.pointer("/status/conditions").cloned().unwrap_or_else(|| json!([]));
        let counts = json!({
            "currentHealthy": healthy, "desiredHealthy": desired.max(0), "expectedPods": expected,
            "disruptionsAllowed": allowed, "observedGeneration": generation, "conditions": conditions,
        });
        fields::set(budget, "/status", counts);
        let condition = Condition { kind: "DisruptionAllowed", status, reason, message: "" };
        let extra = [("message", json!("")), ("observedGeneration", generation.into())];
        fields::set_condition(budget, condition, now, &extra);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::testing::{empty_world, given};

    #[test]
    fn a_budget_counts_the_healthy_pods_that_may_go() {
        let world = empty_world();
        for (name, ready) in [("a", "True"), ("b", "True"), ("c", "False")] {
            given(
                &world,
                json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "c:1"}]},
                    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
                }),
            );
        }
        given(
            &world,
            json!({
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            }),
        );
        reconcile(&world);
        let status = world.store.get(&POD_DISRUPTION_BUDGETS, "default", "web").unwrap()["status"].clone();
        let counts = ["currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed"]
            .map(|f| status[f].as_i64());
        assert_eq!(counts, [Some(2), Some(1), Some(3), Some(1)]);
        assert_eq!(status["conditions"][0]["reason"], "SufficientPods");
    }
}

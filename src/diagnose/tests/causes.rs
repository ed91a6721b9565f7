//! The right cause comes first.

use serde_json::json;

use crate::diagnose::diagnose;
use crate::diagnose::world::{NOON, World, ago, object, waiting};
use crate::incident::{Action, Execution, ExecutionState, ObjectRef};
use crate::observe::{Change, ChangeKind, ReadingKind};

fn cause(code: &str, object: &str, confidence: f64) -> (String, String, f64) {
    (code.to_owned(), object.to_owned(), confidence)
}

fn bad_rollout() -> World {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    World::new().deployment("web", 2).rollout("web", &image).crashing("web", 2, 1, "Error")
}

#[test]
fn a_crash_loop_of_the_newest_revision_is_blamed_on_its_rollout() {
    assert_eq!(bad_rollout().causes(), [cause("deploy.bad_rollout", "Deployment shop/web", 0.93)]);
}

#[test]
fn a_crash_loop_that_began_before_the_rollout_is_not_its_fault() {
    let causes = bad_rollout().crashing("web", 1, 1, "Error").causes();
    assert_eq!(causes, [cause("deploy.bad_rollout", "Deployment shop/web", 0.56)]);
}

#[test]
fn a_rollout_of_yesterday_is_not_blamed() {
    let mut world = bad_rollout();
    world.snapshot.changes[0].at = ago(24 * 60);
    assert_eq!(world.causes(), [cause("workload.crash_loop", "Deployment shop/web", 0.6)]);
}

#[test]
fn a_rollout_after_the_alert_is_not_blamed() {
    let mut world = bad_rollout().alert("Crashing", "web");
    world.snapshot.changes[0].at = ago(1);
    assert_eq!(world.causes(), [cause("workload.crash_loop", "Deployment shop/web", 0.6)]);
}

#[test]
fn a_repair_that_did_not_help_lowers_the_cause_that_it_followed_from() {
    let workload = ObjectRef::new("Deployment", "shop", "web");
    let failed = Execution {
        id: "x".to_owned(),
        attempt: 1,
        index: 0,
        action: Action::RollBack { workload, to_revision: 1 },
        state: ExecutionState::RolledBack,
        prior: serde_json::Value::Null,
        diff: String::new(),
        intended_at: NOON,
        finished_at: None,
        generation_after: None,
        message: None,
    };
    let hypotheses = diagnose(&bad_rollout().snapshot, &[failed]).hypotheses;
    assert_eq!(hypotheses[0].confidence.value(), 0.46);
    assert_eq!(hypotheses[0].evidence_against.len(), 1);
}

#[test]
fn being_out_of_memory_absorbs_the_rollout_and_names_the_limits() {
    let limit = [("containers[app].resources.limits.memory", "512Mi", "128Mi")];
    let world = World::new().deployment("web", 2).rollout("web", &limit).crashing("web", 2, 137, "OOMKilled");
    assert_eq!(world.causes(), [cause("memory.exhausted", "Deployment shop/web", 0.98)]);
    let statement = &world.diagnose().hypotheses[0].statement;
    assert!(statement.contains("from 512Mi to 128Mi"), "{statement}");
}

#[test]
fn an_image_that_does_not_exist_absorbs_the_rollout_and_says_so() {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let status = waiting("ImagePullBackOff", "registry.test/app:2: not found");
    let world = World::new().deployment("web", 1).rollout("web", &image).pod("web", 2, "web-2-x", status);
    assert_eq!(world.causes(), [cause("image.pull_failed", "Deployment shop/web", 0.98)]);
    let statement = &world.diagnose().hypotheses[0].statement;
    assert!(statement.contains("(not found). Revision 2 of Deployment shop/web brought it"), "{statement}");
}

#[test]
fn a_missing_key_is_blamed_on_the_secret_that_lacks_it() {
    let reference = [("containers[app].env[TOKEN]", "(none)", "secretKeyRef gateway/TOKEN")];
    let status = waiting("CreateContainerConfigError", "couldn't find key TOKEN in Secret shop/gateway");
    let world = World::new().deployment("web", 1).secret("gateway", &["token"]);
    let world = world.rollout("web", &reference).pod("web", 2, "web-2-x", status);
    assert_eq!(world.causes(), [cause("config.missing_reference", "Secret shop/gateway", 0.97)]);
    let diagnosis = world.diagnose();
    let cited = &diagnosis.hypotheses[0].evidence_for;
    let change = diagnosis.evidence.iter().find(|piece| piece.code == "change.rollout").unwrap();
    assert!(cited.contains(&change.id), "the rollout that brought the reference is cited");
}

#[test]
fn a_reference_to_what_was_not_listed_is_found_without_the_kubelet_saying_so() {
    let env = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "a"}}},
                     {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "extra", "key": "b", "optional": true}}}]);
    let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", waiting("ContainerCreating", ""));
    let world = world.environment("web", &env);
    assert_eq!(world.causes(), [cause("config.missing_reference", "ConfigMap shop/flags", 0.97)]);
}

#[test]
fn callers_errors_lead_to_the_dependency_at_the_end_of_the_chain() {
    let refused = "connect ECONNREFUSED http://orders:80\n".repeat(4);
    let logins = "password authentication failed for user \"app\" at host \"db\"\n".repeat(4);
    let world = World::new().deployment("web", 1).deployment("orders", 0).deployment("db", 1);
    let world = world.crashing("orders", 1, 1, "Error").endpoints("orders", false);
    let world = world.log("web-1-0", &refused).log("orders-1-x", &logins);
    let causes = world.alert("HighErrorRate", "web").causes();
    assert_eq!(causes, [cause("dependency.authentication", "Deployment shop/orders", 0.76)]);
}

#[test]
fn refused_logins_after_a_secret_was_written_are_blamed_on_the_secret() {
    let env = json!([{"name": "DB_HOST", "value": "db"},
                     {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-login", "key": "password"}}}]);
    let change = Change {
        kind: ChangeKind::Configuration,
        object: ObjectRef::new("Secret", "shop", "db-login"),
        at: ago(12),
        revision: None,
        previous_revision: None,
        fields: Vec::new(),
    };
    let world = World::new().deployment("db", 1).deployment("orders", 0).crashing("orders", 1, 1, "Error");
    let world = world.environment("orders", &env).secret("db-login", &["password"]).change(change);
    let causes = world.log("orders-1-x", "FATAL: password authentication failed for user \"app\"").causes();
    assert_eq!(causes[0], cause("dependency.authentication", "Secret shop/db-login", 0.84));
}

#[test]
fn a_dependency_without_replicas_is_the_cause_of_its_callers_errors() {
    let refused = "connect ECONNREFUSED http://orders:80\n".repeat(4);
    let world = World::new().deployment("web", 1).deployment("orders", 0).endpoints("orders", false);
    let causes = world.log("web-1-0", &refused).causes();
    assert_eq!(causes, [cause("dependency.scaled_to_zero", "Deployment shop/orders", 0.81)]);
}

fn autoscaler(world: World, utilisation: i32) -> World {
    let mut world = world;
    world.snapshot.objects.autoscalers.push(object(json!({
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
        "status": {"desiredReplicas": 2, "currentReplicas": 2,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": utilisation}}}],
            "conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]},
    })));
    world
}

#[test]
fn an_autoscaler_at_its_maximum_under_load_is_a_limit() {
    let service = ObjectRef::new("Service", "shop", "web");
    let world = autoscaler(World::new().deployment("web", 2), 170);
    let world = world.reading(ReadingKind::LatencyP99, service, 2.4, 0.3);
    assert_eq!(world.causes(), [cause("scaling.limit_reached", "HorizontalPodAutoscaler shop/web", 0.81)]);
}

#[test]
fn an_autoscaler_at_its_maximum_without_load_is_no_cause() {
    assert_eq!(autoscaler(World::new().deployment("web", 2), 40).causes(), []);
}

#[test]
fn a_dead_node_explains_the_pods_on_it() {
    let status = json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(6).to_string()}]});
    let world = World::new().node("node-1", "Unknown").deployment("web", 0).pod("web", 1, "web-1-x", status);
    assert_eq!(world.causes(), [cause("node.not_ready", "Node node-1", 0.93)]);
}

#[test]
fn two_independent_faults_are_both_reported() {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let world = World::new().deployment("web", 1).rollout("web", &image).crashing("web", 2, 1, "Error");
    let world = world.deployment("cart", 0).crashing("cart", 1, 137, "OOMKilled");
    assert_eq!(
        world.causes(),
        [
            cause("memory.exhausted", "Deployment shop/cart", 0.98),
            cause("deploy.bad_rollout", "Deployment shop/web", 0.93),
        ]
    );
}

#[test]
fn what_the_alert_is_not_about_comes_later() {
    let world = World::new().deployment("web", 0).crashing("web", 1, 1, "Error");
    let world = world.deployment("cart", 0).crashing("cart", 1, 137, "OOMKilled").alert("Crashing", "web");
    assert_eq!(
        world.causes(),
        [
            cause("workload.crash_loop", "Deployment shop/web", 0.6),
            cause("memory.exhausted", "Deployment shop/cart", 0.57),
        ]
    );
}

#[test]
fn a_failing_probe_of_a_running_program_is_named() {
    let status = json!({"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(7).to_string()}]});
    let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status);
    let world = world.event(
        "web-1-x",
        "Unhealthy",
        "Readiness probe failed: HTTP probe failed with statuscode: 404",
        7,
    );
    assert_eq!(world.causes(), [cause("probe.failing", "Deployment shop/web", 0.65)]);
}

#[test]
fn a_pod_that_fits_no_node_is_unschedulable() {
    let status = json!({"phase": "Pending", "containerStatuses": null, "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/2 nodes are available: 2 Insufficient cpu."}]});
    let world = World::new().deployment("web", 0).pod("web", 1, "web-1-x", status);
    assert_eq!(world.causes(), [cause("scheduling.unschedulable", "Deployment shop/web", 0.93)]);
    assert_eq!(world.diagnose().evidence[0].fields["predicate_1"], "2 Insufficient cpu");
}

//! What a diagnosis looks like from outside.

use crate::diagnose::evidence::MAX_EVIDENCE;
use crate::diagnose::world::{World, crash};

fn rich() -> World {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let refused = "connect ECONNREFUSED http://web:80 password=hunter2\n".repeat(4);
    let world = World::new()
        .node("node-1", "True")
        .deployment("front", 1)
        .deployment("web", 1)
        .endpoints("web", false);
    let world = world.rollout("web", &image).crashing("web", 2, 1, "Error");
    let world = world.log("web-2-x", "panic: no route table").log("front-1-0", &refused);
    world
        .event("web-2-x", "BackOff", "Back-off restarting failed container app in pod web-2-x", 7)
        .alert("Errors", "front")
}

#[test]
fn a_whole_diagnosis_reads_as_it_is_meant_to() {
    insta::assert_json_snapshot!(rich().diagnose());
}

#[test]
fn secrets_in_logs_are_masked_in_the_evidence() {
    let shown = serde_json::to_string(&rich().diagnose()).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_thousand_pods_that_fail_alike_are_a_few_pieces_of_evidence() {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let world = World::new().deployment("web", 1).rollout("web", &image);
    let world = (0..1000)
        .fold(world, |world, number| world.pod("web", 2, &format!("web-2-{number}"), crash(1, "Error", 5)));
    let diagnosis = world.diagnose();
    assert!(diagnosis.evidence.len() < 20, "{}", diagnosis.evidence.len());
    let loops = diagnosis.evidence.iter().find(|piece| piece.code == "pod.container.crash_loop").unwrap();
    assert_eq!(loops.fields["alike"], "1000");
    assert_eq!(diagnosis.hypotheses[0].code, "deploy.bad_rollout");
}

#[test]
fn evidence_is_bounded_and_what_is_rare_survives() {
    let worlds = (0..300).fold(World::new(), |world, number| {
        let name = format!("w{number}");
        world.pod(&name, 1, &name, crash(1, "Error", 5))
    });
    let diagnosis = worlds.node("node-9", "False").diagnose();
    assert_eq!(diagnosis.evidence.len(), MAX_EVIDENCE);
    assert!(diagnosis.evidence.iter().any(|piece| piece.code == "node.not_ready"));
}

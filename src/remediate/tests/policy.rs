//! The built-in policy's decisions, and policies that are broken.

use std::time::Duration;

use jiff::Timestamp;

use super::world::{NOW, delete_pod, roll_back, web};
use crate::incident::{Action, Decision, ObjectRef, Verdict};
use crate::remediate::{ActionInput, HypothesisInput, Policy, PolicyError, PolicyInput};
use crate::settings::{AutomationSettings, FreezeWindow};

fn settings(level: u8) -> AutomationSettings {
    AutomationSettings {
        level,
        protected_namespaces: vec!["kube-*".to_owned(), "vault".to_owned()],
        freeze_windows: Vec::new(),
        approval_ttl: Duration::from_secs(60),
        policy: None,
    }
}

fn asked(action: Action, pods_affected: u32) -> ActionInput {
    ActionInput { action, pods_affected, node_ready: None }
}

fn input(actions: Vec<ActionInput>) -> PolicyInput {
    PolicyInput {
        cluster: "c".to_owned(),
        environment: "production".to_owned(),
        hypothesis: HypothesisInput {
            code: "deploy.bad_rollout".to_owned(),
            confidence: 0.9,
            proposer: "rule",
        },
        attempt: 1,
        now: NOW,
        tainted: false,
        from_chat: false,
        total_pods: 3,
        ready_nodes: Some(3),
        actions,
    }
}

fn small() -> PolicyInput {
    input(vec![asked(roll_back(), 3)])
}

fn decide(level: u8, input: &PolicyInput) -> Decision {
    Policy::load(&settings(level)).unwrap().decide(input)
}

fn verdicts(input: &PolicyInput) -> [Verdict; 4] {
    [0, 1, 2, 3].map(|level| decide(level, input).verdict)
}

use Verdict::{Allow, Deny, NeedsApproval as Ask};

#[test]
fn the_automation_level_decides_who_may_make_a_small_reversible_repair() {
    assert_eq!(verdicts(&small()), [Deny, Ask, Allow, Allow]);
    assert_eq!(
        decide(2, &small()).reasons,
        [
            "roll Deployment shop/web back to revision 1: automation level 2 allows it: blast radius 0.46, cause 90 % certain"
        ]
    );
}

#[test]
fn a_plan_from_chat_always_asks_people_whatever_the_policy_says() {
    let chat = PolicyInput { from_chat: true, ..small() };
    assert_eq!(verdicts(&chat), [Deny, Ask, Ask, Ask]);
    let bold = "package kubewright.remediation\nimport rego.v1\n\
                decision := {\"verdict\": \"allow\", \"reasons\": [\"yes\"]}\n";
    let bold = Policy::compile(bold.to_owned(), &settings(3)).unwrap();
    assert_eq!(bold.decide(&small()).verdict, Allow);
    let decided = bold.decide(&chat);
    assert_eq!(decided.verdict, Ask);
    assert!(decided.reasons.last().unwrap().contains("in chat"), "{decided:?}");
}

#[test]
fn what_is_not_small_not_reversible_not_sure_or_not_the_first_attempt_is_asked_at_level_two() {
    let restart = input(vec![asked(Action::RestartWorkload { workload: web() }, 3)]);
    assert_eq!(verdicts(&restart), [Deny, Ask, Ask, Allow]);
    let large = input(vec![asked(roll_back(), 20)]);
    assert_eq!(verdicts(&large), [Deny, Ask, Ask, Allow]);
    let very_large = input(vec![asked(roll_back(), 200)]);
    assert_eq!(verdicts(&very_large), [Deny, Ask, Ask, Ask]);
    let mut unsure = small();
    unsure.hypothesis.confidence = 0.79;
    assert_eq!(verdicts(&unsure), [Deny, Ask, Ask, Allow]);
    unsure.hypothesis.confidence = 0.4;
    assert_eq!(verdicts(&unsure), [Deny, Ask, Ask, Ask]);
    assert_eq!(verdicts(&PolicyInput { attempt: 2, ..small() }), [Deny, Ask, Ask, Allow]);
    assert_eq!(verdicts(&PolicyInput { tainted: true, ..small() }), [Deny, Ask, Ask, Ask]);
}

#[test]
fn nothing_is_changed_in_a_protected_namespace() {
    for namespace in ["kube-system", "kube-public", "vault"] {
        let workload = ObjectRef::new("Deployment", namespace, "web");
        let inside = input(vec![asked(Action::RollBack { workload, to_revision: 1 }, 1)]);
        assert_eq!(verdicts(&inside), [Deny; 4], "{namespace}");
    }
    let workload = ObjectRef::new("Deployment", "vault-ui", "web");
    let outside = input(vec![asked(Action::RollBack { workload, to_revision: 1 }, 1)]);
    assert_eq!(decide(3, &outside).verdict, Allow);
}

#[test]
fn one_denied_action_denies_the_whole_plan_and_every_reason_is_told() {
    let workload = ObjectRef::new("Deployment", "vault", "web");
    let protected = asked(Action::RollBack { workload, to_revision: 1 }, 1);
    let decision = decide(2, &input(vec![asked(roll_back(), 1), protected]));
    assert_eq!((decision.verdict, decision.reasons.len()), (Deny, 2));
    assert!(decision.reasons[1].contains("namespace vault is protected (vault)"), "{decision:?}");
}

#[test]
fn a_freeze_window_asks_inside_and_not_at_its_end() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let window = FreezeWindow { reason: "holidays".to_owned(), from: at(0), until: at(100) };
    let policy = Policy::load(&AutomationSettings { freeze_windows: vec![window], ..settings(3) }).unwrap();
    let verdict = |second| policy.decide(&PolicyInput { now: at(second), ..small() }).verdict;
    assert_eq!([0, 99, 100].map(verdict), [Ask, Ask, Allow]);
}

#[test]
fn leaving_a_dead_node_is_harmless_and_a_working_one_is_asked_about() {
    let cordon = Action::Cordon { node: ObjectRef::cluster_wide("Node", "n1") };
    let leave = |node_ready, ready_nodes| {
        let cordon = ActionInput { node_ready, ..asked(cordon.clone(), 0) };
        let delete = ActionInput { node_ready, ..asked(delete_pod(), 1) };
        [cordon, delete].map(|asked| decide(2, &PolicyInput { ready_nodes, ..input(vec![asked]) }).verdict)
    };
    assert_eq!(leave(Some(false), Some(2)), [Allow, Allow]);
    assert_eq!(leave(Some(true), Some(2)), [Ask, Ask]);
    assert_eq!(leave(None, None), [Ask, Ask]);
    assert_eq!(leave(Some(true), Some(1))[0], Deny, "the last node stays open");
}

#[test]
fn what_policy_does_not_know_is_denied() {
    assert_eq!(decide(4, &small()).verdict, Deny);
    assert_eq!(decide(3, &input(Vec::new())).verdict, Deny);
    let broken = AutomationSettings { protected_namespaces: vec!["[".to_owned()], ..settings(3) };
    match Policy::load(&broken) {
        Err(PolicyError::Unfit { .. }) => {}
        Ok(policy) => assert_eq!(policy.decide(&small()).verdict, Deny),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn the_same_policy_text_has_the_same_digest() {
    let decision = decide(2, &small());
    assert_eq!(decision.policy, decide(3, &small()).policy);
    assert_eq!(decision.policy.len(), 64);
}

fn compiled(body: &str) -> Result<Policy, PolicyError> {
    Policy::compile(format!("package kubewright.remediation\n{body}"), &settings(3))
}

#[test]
fn a_policy_that_is_not_rego_or_answers_something_else_is_refused_at_start() {
    let invalid = ["decision := {", "decision := undefined_function(1)"];
    for body in invalid {
        assert!(
            matches!(compiled(body), Err(PolicyError::Invalid { .. } | PolicyError::Unfit { .. })),
            "{body}"
        );
    }
    let unfit = [
        "",
        "decision := \"allow\"",
        "decision := true",
        "decision := {\"verdict\": \"allow\"}",
        "decision := {\"verdict\": \"allow\", \"reasons\": []}",
        "decision := {\"verdict\": \"maybe\", \"reasons\": [\"x\"]}",
        "decision := {\"verdict\": \"allow\", \"reasons\": [\"x\"], \"more\": 1}",
        "decision := {\"verdict\": \"allow\", \"reasons\": [\"x\"]} if input.nothing",
    ];
    for body in unfit {
        assert!(matches!(compiled(body), Err(PolicyError::Unfit { .. })), "{body}");
    }
    assert!(matches!(
        Policy::compile("package other\ndecision := 1".to_owned(), &settings(3)),
        Err(PolicyError::Unfit { .. })
    ));
}

#[test]
fn a_policy_that_never_ends_is_refused_instead_of_hanging() {
    let endless = [
        "f(x) := f(x + 1)\ndecision := f(1)",
        "decision := decision",
        "decision := {\"verdict\": \"allow\", \"reasons\": [r]} if { r := sprintf(\"%v\", [count([1 | some a in numbers.range(1, 10000); some b in numbers.range(1, 10000); a == b])]) }",
    ];
    for body in endless {
        assert!(compiled(body).is_err(), "{body}");
    }
}

#[test]
fn a_policy_that_fails_for_one_input_only_denies_that_input() {
    let policy = compiled(
        "decision := {\"verdict\": \"allow\", \"reasons\": [\"ok\"]} if input.namespace == \"sample\"\n\
         decision := {\"verdict\": \"allow\", \"reasons\": [to_number(\"x\")]} if input.namespace == \"shop\"",
    )
    .unwrap();
    let decision = policy.decide(&small());
    assert_eq!(decision.verdict, Deny);
    assert!(decision.reasons[0].contains("policy could not be asked, which denies"), "{decision:?}");
}

#[test]
fn a_policy_file_that_is_missing_or_enormous_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.rego");
    let named = || AutomationSettings { policy: Some(path.clone()), ..settings(1) };
    assert!(matches!(Policy::load(&named()), Err(PolicyError::Unreadable { .. })));
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert!(matches!(Policy::load(&named()), Err(PolicyError::TooLarge { .. })));
    std::fs::write(&path, include_str!("../../../policies/remediation.rego")).unwrap();
    assert_eq!(Policy::load(&named()).unwrap().decide(&small()).verdict, Ask);
}

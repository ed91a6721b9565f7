use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::{
    Action, Approval, Check, Decision, Event, Execution, ExecutionState, Fingerprint, Incident, IncidentId,
    Investigation, InvestigationEnd, NotTaken, ObjectRef, Outcome, Phase, Plan, PlannedAction, Scope,
    Severity, Signal, SignalSource, SignalState, TransitionError, Verdict, Verification,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn signal(fingerprint: &str) -> Signal {
    Signal {
        fingerprint: Fingerprint(fingerprint.to_owned()),
        source: SignalSource::Alertmanager,
        state: SignalState::Firing,
        name: "KubePodCrashLooping".to_owned(),
        severity: Severity::Warning,
        scope: Scope { cluster: "prod".to_owned(), namespace: Some("shop".to_owned()), ..Scope::default() },
        summary: "checkout crashes".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: at(0),
        ends_at: None,
        expression: None,
        generator_url: None,
    }
}

fn opened() -> Incident {
    Incident::open(IncidentId::from_text("inc-1"), signal("a"), at(0))
}

fn checkout() -> ObjectRef {
    ObjectRef::new("Deployment", "shop", "checkout")
}

fn plan() -> Plan {
    let action = Action::RollBack { workload: checkout(), to_revision: 3 };
    let planned = PlannedAction {
        action,
        target_uid: "u".to_owned(),
        target_generation: Some(4),
        diff: String::new(),
        undo: String::new(),
        pods_affected: 2,
    };
    Plan {
        agent: None,
        from_chat: false,
        hypothesis: "deploy.bad_rollout".to_owned(),
        rationale: "the rollout broke it".to_owned(),
        actions: vec![planned],
        checks: vec![Check::PodsReady { workload: checkout() }],
    }
}

fn decision(verdict: Verdict) -> Event {
    Event::Decided {
        decision: Decision { verdict, reasons: vec!["because".to_owned()], policy: "p".to_owned() },
    }
}

fn execution(state: ExecutionState) -> Box<Execution> {
    Box::new(Execution {
        id: "x1".to_owned(),
        attempt: 1,
        index: 0,
        action: plan().actions[0].action.clone(),
        state,
        prior: serde_json::Value::Null,
        diff: String::new(),
        intended_at: at(5),
        finished_at: None,
        generation_after: None,
        message: None,
    })
}

fn proposed_in_chat() -> Event {
    let investigation = Investigation {
        end: InvestigationEnd::Concluded,
        reason: "A repair was proposed in chat.".to_owned(),
        cycles: 0,
        runs: Vec::new(),
        dropped: Vec::new(),
        recommendation: None,
        flags: vec!["override in logs".to_owned()],
    };
    let plan = Plan { agent: Some("orchestrator".to_owned()), from_chat: true, ..plan() };
    Event::ProposedInChat { plan: Box::new(plan), investigation: Box::new(investigation) }
}

fn verification(passed: Option<bool>) -> Event {
    Event::VerificationLooked {
        verification: Verification {
            started_at: at(6),
            looked_at: at(7),
            stable_since: None,
            results: Vec::new(),
            passed,
        },
    }
}

fn walk(incident: &mut Incident, events: &[Event]) {
    for event in events {
        incident.apply(event, at(1)).unwrap();
    }
}

fn to_guard() -> Vec<Event> {
    vec![
        Event::Observed { objects: 1, logs: 0, readings: 0, gaps: Vec::new() },
        Event::Diagnosed { evidence: Vec::new(), hypotheses: Vec::new() },
        Event::Planned { plan: Box::new(plan()) },
    ]
}

fn to_verify() -> Vec<Event> {
    let mut events = to_guard();
    events.push(decision(Verdict::Allow));
    events.push(Event::ExecutionIntended { execution: execution(ExecutionState::Intended) });
    events.push(Event::ExecutionFinished { execution: execution(ExecutionState::Applied) });
    events
}

fn approval() -> Event {
    let approval = Approval {
        digest: plan().digest(),
        requested_at: at(2),
        expires_at: at(3602),
        approved: None,
        answered_by: None,
        answered_at: None,
        comment: None,
    };
    Event::ApprovalRequested { approval }
}

#[test]
fn an_allowed_repair_goes_from_triage_to_verify() {
    let mut incident = opened();
    let phases: Vec<Phase> = to_verify()
        .iter()
        .map(|event| {
            incident.apply(event, at(1)).unwrap();
            incident.phase
        })
        .collect();
    let expected =
        [Phase::Diagnose, Phase::Plan, Phase::Guard, Phase::Repair, Phase::Repair, Phase::Verify].to_vec();
    assert_eq!(phases, expected);
}

#[test]
fn an_event_out_of_place_is_refused_and_changes_nothing() {
    let mut incident = opened();
    let before = incident.clone();
    let refused = incident.apply(&Event::ApprovalExpired, at(9));
    assert_eq!(refused, Err(TransitionError { phase: Phase::Triage, event: "approval_expired" }));
    assert_eq!(incident, before);
}

#[test]
fn a_denied_approval_leads_to_a_new_plan_without_the_action() {
    let mut incident = opened();
    walk(&mut incident, &to_guard());
    walk(&mut incident, &[decision(Verdict::NeedsApproval), approval()]);
    assert_eq!(incident.wake_at(at(2)), Some(at(3602)));
    walk(&mut incident, &[Event::ApprovalAnswered { approved: false, by: "ann".to_owned(), comment: None }]);
    assert_eq!(incident.phase, Phase::Plan);
    assert_eq!(incident.excluded_actions(), [&plan().actions[0].action]);
}

#[test]
fn a_failed_verification_is_rolled_back_and_looked_at_again() {
    let mut incident = opened();
    walk(&mut incident, &to_verify());
    walk(&mut incident, &[verification(Some(false))]);
    assert_eq!(incident.phase, Phase::RollBack);
    let undone = Event::ExecutionFinished { execution: execution(ExecutionState::RolledBack) };
    walk(&mut incident, &[undone, Event::RollbackFinished]);
    assert_eq!((incident.phase, incident.attempt, incident.plan.is_none()), (Phase::Triage, 2, true));
    assert_eq!(incident.excluded_actions(), [&plan().actions[0].action]);
}

#[test]
fn a_journal_entry_is_replaced_not_repeated() {
    let mut incident = opened();
    walk(&mut incident, &to_verify());
    let states: Vec<ExecutionState> = incident.executions.iter().map(|execution| execution.state).collect();
    assert_eq!(states, [ExecutionState::Applied]);
}

#[test]
fn an_incident_whose_alerts_resolve_before_a_repair_is_over() {
    let mut incident = opened();
    assert_eq!(incident.consequence(), None);
    walk(&mut incident, &[Event::SignalResolved { fingerprint: Fingerprint("a".to_owned()) }]);
    let Some(Event::Closed { outcome, .. }) = incident.consequence() else { panic!("still open") };
    assert_eq!(outcome, Outcome::Recovered);
}

#[test]
fn alerts_that_resolve_during_a_repair_do_not_cut_it_short() {
    let mut incident = opened();
    walk(&mut incident, &to_verify());
    walk(&mut incident, &[Event::SignalResolved { fingerprint: Fingerprint("a".to_owned()) }]);
    assert_eq!((incident.consequence(), incident.phase), (None, Phase::Verify));
}

#[test]
fn one_alert_still_firing_keeps_the_incident_open() {
    let mut incident = opened();
    walk(
        &mut incident,
        &[
            Event::SignalAttached { signal: Box::new(signal("b")) },
            Event::SignalResolved { fingerprint: Fingerprint("a".to_owned()) },
        ],
    );
    assert_eq!(incident.consequence(), None);
}

#[test]
fn signals_beyond_a_hundred_are_counted() {
    let mut incident = opened();
    let further: Vec<Event> = (0..120)
        .map(|number| Event::SignalAttached { signal: Box::new(signal(&format!("s{number}"))) })
        .collect();
    walk(&mut incident, &further);
    assert_eq!((incident.signals.len(), incident.signals_dropped), (100, 21));
}

#[test]
fn a_failed_step_is_retried_later_and_success_clears_the_count() {
    let mut incident = opened();
    let failed = Event::StepFailed { phase: Phase::Triage, reason: "no route".to_owned(), retry_at: at(30) };
    walk(&mut incident, &[failed.clone(), failed]);
    assert_eq!((incident.step_failures, incident.wake_at(at(2))), (2, Some(at(30))));
    walk(&mut incident, &[Event::Observed { objects: 0, logs: 0, readings: 0, gaps: Vec::new() }]);
    assert_eq!((incident.step_failures, incident.wake_at(at(2))), (0, Some(at(2))));
}

#[test]
fn what_agents_did_is_put_on_record_and_ends_no_step() {
    let mut incident = opened();
    walk(&mut incident, &[Event::Observed { objects: 0, logs: 0, readings: 0, gaps: Vec::new() }]);
    let failed =
        Event::StepFailed { phase: Phase::Diagnose, reason: "no route".to_owned(), retry_at: at(30) };
    let investigation = Investigation {
        end: InvestigationEnd::Concluded,
        reason: "It is so.".to_owned(),
        cycles: 1,
        runs: Vec::new(),
        dropped: Vec::new(),
        recommendation: None,
        flags: Vec::new(),
    };
    let looked = Event::Investigated { investigation: Box::new(investigation) };
    walk(&mut incident, &[failed.clone(), looked, failed]);
    assert_eq!(
        incident.step_failures, 2,
        "a step that fails after each investigation fails for good one day"
    );
}

#[test]
fn a_plan_digest_follows_arguments_and_target_version_not_prose() {
    let original = plan();
    let mut reworded = plan();
    reworded.rationale = "other words".to_owned();
    let mut moved = plan();
    moved.actions[0].target_generation = Some(5);
    assert_eq!(original.digest(), reworded.digest());
    assert_ne!(original.digest(), moved.digest());
}

#[test]
fn a_plan_from_chat_is_judged_like_every_other_once_the_incident_is_with_people() {
    let mut incident = opened();
    assert!(incident.apply(&proposed_in_chat(), at(1)).is_err());
    walk(&mut incident, &[Event::Escalated { reason: "no playbook".to_owned() }, proposed_in_chat()]);
    assert_eq!((incident.phase, incident.attempt, &incident.reason), (Phase::Guard, 1, &None));
    assert!(incident.plan.as_ref().unwrap().from_chat);
    assert!(incident.investigation.as_ref().unwrap().is_tainted());
    assert!(incident.wake_at(at(2)).is_some());
}

#[test]
fn what_was_tried_before_keeps_its_place_in_the_journal() {
    let mut incident = opened();
    walk(&mut incident, &to_verify());
    walk(&mut incident, &[Event::Escalated { reason: "it did not help".to_owned() }, proposed_in_chat()]);
    assert_eq!((incident.attempt, incident.current_executions().count()), (2, 0));
}

#[test]
fn an_incident_says_why_it_does_not_take_a_plan_from_chat() {
    let escalated = |events: &[Event]| {
        let mut incident = opened();
        walk(&mut incident, events);
        walk(&mut incident, &[Event::Escalated { reason: "?".to_owned() }]);
        incident
    };
    let fresh = escalated(&[]);
    assert_eq!(fresh.takes(&plan()), Ok(()));
    assert_eq!(opened().takes(&plan()), Err(NotTaken::AtWork(Phase::Triage)));
    let mut closed = fresh.clone();
    walk(&mut closed, &[Event::Closed { outcome: Outcome::ClosedByPerson, reason: "done".to_owned() }]);
    assert_eq!(closed.takes(&plan()), Err(NotTaken::Closed));
    let mut denied = fresh.clone();
    denied.denied_actions.push(plan().actions[0].action.clone());
    assert_eq!(denied.takes(&plan()), Err(NotTaken::Excluded));
    let mut unknown = fresh;
    unknown.executions.push(*execution(ExecutionState::Intended));
    assert_eq!(unknown.takes(&plan()), Err(NotTaken::Unknown));
    let mut repairing = opened();
    walk(&mut repairing, &to_verify());
    assert_eq!(repairing.takes(&plan()), Err(NotTaken::Repairing(Phase::Verify)));
}

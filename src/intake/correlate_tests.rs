//! Every rule of routing, and what must hold whatever is delivered in whatever order.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::incident::{Fingerprint, Incident, Scope, Severity, SignalSource};

const WINDOW: Duration = Duration::from_secs(600);

/// Seconds after an arbitrary moment.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn signal(state: SignalState, starts: i64, ends: Option<i64>) -> Signal {
    Signal {
        fingerprint: Fingerprint("f".to_owned()),
        source: SignalSource::Alertmanager,
        state,
        name: "A".to_owned(),
        severity: Severity::Warning,
        scope: Scope::default(),
        summary: "A".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: at(starts),
        ends_at: ends.map(at),
        expression: None,
        generator_url: None,
    }
}

fn firing(starts: i64) -> Signal {
    signal(SignalState::Firing, starts, None)
}

fn resolved(starts: i64, ends: i64) -> Signal {
    signal(SignalState::Resolved, starts, Some(ends))
}

fn id(text: &str) -> IncidentId {
    IncidentId::from_text(text)
}

fn episode(incident: Option<&str>, state: SignalState) -> Option<Episode> {
    Some(Episode { incident: incident.map(id), state })
}

fn current(starts: i64) -> Option<Current> {
    Some(Current { starts_at: at(starts), incident: id("mine") })
}

fn neighbour(phase: Phase, last_signal: i64) -> Option<OpenIncident> {
    Some(OpenIncident { id: id("near"), phase, last_signal_at: at(last_signal) })
}

fn route(signal: &Signal, known: &Known) -> Route {
    correlate(signal, known, at(10_000), WINDOW)
}

#[test]
fn something_never_heard_of_opens_an_incident() {
    assert_eq!(route(&firing(0), &Known::default()), Route::Open);
}

#[test]
fn a_known_episode_is_a_repeat_even_when_its_incident_is_closed_or_it_has_resolved() {
    for state in [SignalState::Firing, SignalState::Resolved] {
        let known = Known { episode: episode(Some("old"), state), ..Known::default() };
        assert_eq!(route(&firing(0), &known), Route::Repeat(id("old")));
    }
}

#[test]
fn a_firing_copy_that_comes_after_its_own_end_opens_nothing() {
    let known = Known { episode: episode(None, SignalState::Resolved), ..Known::default() };
    assert_eq!(route(&firing(0), &known), Route::Remember);
}

#[test]
fn a_new_episode_joins_the_open_incident_of_the_same_alert() {
    let known = Known { current: current(5), neighbour: neighbour(Phase::Triage, 0), ..Known::default() };
    assert_eq!(route(&firing(50), &known), Route::Attach(id("mine")));
}

#[test]
fn an_earlier_start_of_what_fires_now_is_a_repeat() {
    let known = Known { current: current(50), ..Known::default() };
    assert_eq!(route(&firing(48), &known), Route::Repeat(id("mine")));
}

#[test]
fn an_incident_that_is_worked_on_takes_its_neighbours_however_late() {
    let known = Known { neighbour: neighbour(Phase::Verify, 0), ..Known::default() };
    assert_eq!(route(&firing(0), &known), Route::Attach(id("near")));
}

#[test]
fn an_incident_that_waits_for_people_takes_its_neighbours_within_the_window_only() {
    let within = Known { neighbour: neighbour(Phase::Escalated, 9_400), ..Known::default() };
    assert_eq!(route(&firing(0), &within), Route::Attach(id("near")));
    let after = Known { neighbour: neighbour(Phase::Escalated, 9_399), ..Known::default() };
    assert_eq!(route(&firing(0), &after), Route::Open);
}

#[test]
fn a_closed_incident_takes_nothing() {
    let known = Known { neighbour: neighbour(Phase::Closed, 10_000), ..Known::default() };
    assert_eq!(route(&firing(0), &known), Route::Open);
}

#[test]
fn the_end_of_the_current_episode_resolves_it_once() {
    let firing =
        Known { episode: episode(Some("mine"), SignalState::Firing), current: current(5), neighbour: None };
    assert_eq!(route(&resolved(5, 60), &firing), Route::Resolve(id("mine")));
    let done = Known { episode: episode(Some("mine"), SignalState::Resolved), ..firing };
    assert_eq!(route(&resolved(5, 60), &done), Route::Repeat(id("mine")));
}

#[test]
fn an_end_with_a_rounded_start_still_resolves() {
    let known = Known {
        current: Some(Current {
            starts_at: "2026-11-21T03:29:47.124676575Z".parse().unwrap(),
            incident: id("mine"),
        }),
        ..Known::default()
    };
    let mut rounded = resolved(0, 0);
    rounded.starts_at = "2026-11-21T03:29:47Z".parse().unwrap();
    rounded.ends_at = Some(rounded.starts_at);
    assert_eq!(route(&rounded, &known), Route::Resolve(id("mine")));
}

#[test]
fn the_late_end_of_an_older_episode_does_not_end_the_one_that_fires_now() {
    let known =
        Known { episode: episode(Some("mine"), SignalState::Firing), current: current(100), neighbour: None };
    assert_eq!(route(&resolved(5, 60), &known), Route::Repeat(id("mine")));
}

#[test]
fn an_end_of_something_unknown_is_only_remembered() {
    let known = Known { neighbour: neighbour(Phase::Triage, 9_999), ..Known::default() };
    assert_eq!(route(&resolved(0, 60), &known), Route::Remember);
}

#[test]
fn an_end_after_its_incident_was_closed_changes_nothing() {
    let known = Known { episode: episode(Some("old"), SignalState::Firing), ..Known::default() };
    assert_eq!(route(&resolved(0, 60), &known), Route::Repeat(id("old")));
}

/// The rules run over a made-up history, with the bookkeeping that the store does.
#[derive(Default)]
struct World {
    episodes: HashMap<Timestamp, Episode>,
    newest: Option<(Timestamp, IncidentId)>,
    incidents: Vec<Incident>,
    opened_for: Vec<Timestamp>,
}

impl World {
    fn deliver(&mut self, signal: &Signal, now: Timestamp) {
        let open = |id: &IncidentId| self.incidents.iter().any(|one| one.id == *id && one.is_open());
        let known = Known {
            episode: self.episodes.get(&signal.starts_at).cloned(),
            current: self
                .newest
                .clone()
                .filter(|(_, id)| open(id))
                .map(|(starts_at, incident)| Current { starts_at, incident }),
            neighbour: self.incidents.iter().rev().find(|one| one.is_open()).map(|one| OpenIncident {
                id: one.id.clone(),
                phase: one.phase,
                last_signal_at: one.updated_at,
            }),
        };
        let incident = match correlate(signal, &known, now, WINDOW) {
            Route::Open => {
                self.opened_for.push(signal.starts_at);
                self.incidents.push(Incident::open(IncidentId::random(), signal.clone(), now));
                self.incidents.last().map(|one| one.id.clone())
            }
            Route::Attach(id) => self.apply(
                id,
                &crate::incident::Event::SignalAttached { signal: Box::new(signal.clone()) },
                now,
            ),
            Route::Resolve(id) => self.apply(
                id,
                &crate::incident::Event::SignalResolved { fingerprint: signal.fingerprint.clone() },
                now,
            ),
            Route::Repeat(id) => Some(id),
            Route::Remember => None,
        };
        if let Some(id) =
            incident.clone().filter(|_| self.newest.as_ref().is_none_or(|(at, _)| *at <= signal.starts_at))
        {
            self.newest = Some((signal.starts_at, id));
        }
        let kept = self.episodes.entry(signal.starts_at).or_insert(Episode { incident, state: signal.state });
        if signal.state == SignalState::Resolved {
            kept.state = SignalState::Resolved;
        }
    }

    fn apply(
        &mut self,
        id: IncidentId,
        event: &crate::incident::Event,
        now: Timestamp,
    ) -> Option<IncidentId> {
        let incident = self.incidents.iter_mut().find(|one| one.id == id).unwrap();
        incident.apply(event, now).unwrap();
        if let Some(event) = incident.consequence() {
            incident.apply(&event, now).unwrap();
        }
        Some(id)
    }
}

proptest! {
    #[test]
    fn whatever_is_delivered_each_episode_opens_at_most_one_incident_and_the_newest_is_never_lost(
        deliveries in proptest::collection::vec((0_i64..6, any::<bool>()), 1..40),
    ) {
        let mut world = World::default();
        let mut seen_firing = HashSet::new();
        let mut seen_resolved = HashSet::new();
        for (step, (number, ends)) in deliveries.into_iter().enumerate() {
            let starts = number * 100;
            let one = if ends { resolved(starts, starts + 50) } else { firing(starts) };
            if ends {
                seen_resolved.insert(starts);
            } else if !seen_resolved.contains(&starts) {
                seen_firing.insert(starts);
            }
            world.deliver(&one, at(10_000 + i64::try_from(step).unwrap()));

            let distinct: HashSet<_> = world.opened_for.iter().collect();
            prop_assert_eq!(distinct.len(), world.opened_for.len());
            let fires_now = seen_firing.iter().filter(|starts| !seen_resolved.contains(starts)).max();
            if let Some(starts) = fires_now && seen_resolved.iter().all(|ended| ended < starts) {
                prop_assert!(world.incidents.iter().any(Incident::is_open), "episode {} has no open incident", starts);
            }
        }
    }
}

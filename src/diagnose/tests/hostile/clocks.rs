//! Clocks that are wrong, and times that cannot be.

use jiff::{SignedDuration, Timestamp};

use super::check::check;
use crate::diagnose::diagnose;
use crate::diagnose::world::{NOON, World};
use crate::observe::Snapshot;

fn crashing() -> World {
    let image = [("containers[app].image", "registry.test/web:1", "registry.test/web:2")];
    let world = World::new().node("node-1", "True").deployment("web", 1).rollout("web", &image);
    world.crashing("web", 2, 1, "Error").event(
        "web-2-x",
        "BackOff",
        "Back-off restarting failed container",
        7,
    )
}

/// The Snapshot as a collector would have taken it whose clock is off by so much.
fn skewed(by: SignedDuration) -> Snapshot {
    let mut snapshot = crashing().snapshot;
    snapshot.taken_at = NOON + by;
    snapshot
}

#[test]
fn a_clock_that_is_off_by_hours_or_years_hides_no_crash() {
    let hours = [-24 * 365 * 40, -24, -2, 0, 2, 24 * 365 * 40];
    for by in hours.map(SignedDuration::from_hours) {
        let snapshot = skewed(by);
        check(&snapshot);
        let diagnosis = diagnose(&snapshot, &[]);
        let first = diagnosis.hypotheses.first().map(|found| found.object.to_string());
        assert_eq!(first.as_deref(), Some("Deployment shop/web"), "{by}: {:?}", diagnosis.hypotheses);
    }
}

#[test]
fn times_at_the_ends_of_the_calendar_are_only_times() {
    let first = "0001-01-01T00:00:00Z".parse().unwrap();
    let times = [first, Timestamp::MAX, Timestamp::UNIX_EPOCH];
    for (taken, created) in times.iter().flat_map(|taken| times.iter().map(move |created| (*taken, *created)))
    {
        let mut snapshot = crashing().snapshot;
        snapshot.taken_at = taken;
        for change in &mut snapshot.changes {
            change.at = created;
        }
        for pod in &mut snapshot.objects.pods {
            let metadata = &mut pod.metadata;
            let time = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(created));
            (metadata.creation_timestamp, metadata.deletion_timestamp) = (time.clone(), time);
        }
        for event in &mut snapshot.objects.events {
            event.last_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(created));
        }
        check(&snapshot);
    }
}

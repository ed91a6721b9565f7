//! When objects were written that do not say so, by their resource versions.
//!
//! A resource version is opaque to clients by the letter of the API. As it is kept in etcd, it is the count of all writes to the
//! store, of whatever kind (<https://etcd.io/docs/v3.6/learning/data_model/>): what has the higher one was written later. An object that was made, or whose
//! controller noted a time, dates its version; what has a higher one was written no earlier. So a ConfigMap that is older than
//! the pods around it and has a higher version than they was written again since. Dumps seldom hold `managedFields`, which tell
//! it exactly.
//!
//! Events date versions best. Where they are kept in a store of their own, their versions are counted apart; then nearly all
//! objects seem to have been written again or none, and the former is not believed. What is found is the earliest time at which it may
//! have been.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;

use super::{KeyedObject, Objects};

/// What was written again so soon was still being made.
const CREATION: SignedDuration = SignedDuration::from_secs(5);

/// What was written again longer ago is not told.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// Where more than one in so many seem to have been written again lately, versions do not tell times here.
const ONE_IN: usize = 4;

/// So few prove nothing against versions.
const FEW: usize = 3;

/// Notes when ConfigMaps and Secrets were written again lately that do not say so.
pub(super) fn note(objects: &mut Objects, now: Timestamp) {
    let marks = Marks::of(objects, now);
    let keyed = || objects.config_maps.iter().chain(&objects.secrets).filter_map(of_keyed);
    let again = keyed().filter(|own| marks.written_again(*own, now).is_some()).count();
    if again == 0 || again > FEW.max(keyed().count() / ONE_IN) {
        return;
    }
    for keyed in objects.config_maps.iter_mut().chain(&mut objects.secrets) {
        if keyed.changed_at.is_none() {
            keyed.changed_at = of_keyed(keyed).and_then(|own| marks.written_again(own, now));
        }
    }
}

/// A version, and the time at which it was the newest at the earliest: for an object that does not say more, when it was made.
type Dated = (u64, Timestamp);

fn dated(metadata: &ObjectMeta) -> Option<Dated> {
    let version = metadata.resource_version.as_ref()?.parse().ok()?;
    Some((version, metadata.creation_timestamp.as_ref()?.0))
}

fn of_keyed(keyed: &KeyedObject) -> Option<Dated> {
    Some((keyed.version?, keyed.created_at?))
}

/// The version of an object, dated by the newest of the times that were noted in it.
fn noted<'a>(metadata: &ObjectMeta, times: impl IntoIterator<Item = Option<&'a Time>>) -> Option<Dated> {
    let (version, made) = dated(metadata)?;
    Some((version, times.into_iter().flatten().map(|time| time.0).chain([made]).max()?))
}

/// The newest time at or before each version that dates one.
struct Marks(Vec<Dated>);

impl Marks {
    fn of(objects: &Objects, now: Timestamp) -> Self {
        let mut found: Vec<Dated> = marks(objects).into_iter().filter(|(_, at)| *at <= now).collect();
        found.sort_unstable();
        let mut newest = Timestamp::MIN;
        for (_, at) in &mut found {
            newest = newest.max(*at);
            *at = newest;
        }
        Self(found)
    }

    /// The earliest time at which this version may have been written.
    fn not_before(&self, version: u64) -> Option<Timestamp> {
        let earlier = self.0.partition_point(|(mark, _)| *mark < version);
        self.0.get(earlier.checked_sub(1)?).map(|(_, at)| *at)
    }

    /// The earliest time at which an object was written again, if it was, and lately.
    fn written_again(&self, (version, made): Dated, now: Timestamp) -> Option<Timestamp> {
        let at = self.not_before(version)?;
        (at.duration_since(made) > CREATION && now.duration_since(at) <= LATELY).then_some(at)
    }
}

/// What dates versions. Where the clock of a node is ahead, what was made lately may seem to have been written again: it was
/// written lately all the same.
fn marks(objects: &Objects) -> Vec<Dated> {
    let deployments = objects.deployments.iter().map(|deployment| {
        let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
        noted(&deployment.metadata, conditions.map(|condition| condition.last_update_time.as_ref()))
    });
    let jobs = objects.jobs.iter().map(|job| {
        let status = job.status.as_ref();
        let times = status.map(|status| [status.start_time.as_ref(), status.completion_time.as_ref()]);
        noted(&job.metadata, times.into_iter().flatten())
    });
    let scaled = objects.autoscalers.iter().map(|autoscaler| {
        let status = autoscaler.status.as_ref();
        noted(&autoscaler.metadata, [status.and_then(|status| status.last_scale_time.as_ref())])
    });
    let nodes = objects.nodes.iter().map(|node| {
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        noted(&node.metadata, conditions.map(|condition| condition.last_heartbeat_time.as_ref()))
    });
    let pods = objects.pods.iter().map(|pod| {
        let status = pod.status.as_ref();
        let conditions = status.into_iter().flat_map(|status| status.conditions.iter().flatten());
        let turns = conditions.map(|condition| condition.last_transition_time.as_ref());
        let containers = status.into_iter().flat_map(|status| status.container_statuses.iter().flatten());
        let running = containers.filter_map(|own| own.state.as_ref()?.running.as_ref());
        noted(&pod.metadata, turns.chain(running.map(|running| running.started_at.as_ref())))
    });
    let events = objects.events.iter().map(|event| noted(&event.metadata, [event.last_timestamp.as_ref()]));
    let all = deployments.chain(jobs).chain(scaled).chain(nodes).chain(pods).chain(events);
    let mut found: Vec<Dated> = all.flatten().collect();
    found.extend(objects.config_maps.iter().chain(&objects.secrets).filter_map(of_keyed));
    found.extend(made(&objects.replica_sets));
    found.extend(made(&objects.stateful_sets));
    found.extend(made(&objects.daemon_sets));
    found.extend(made(&objects.services));
    found.extend(made(&objects.endpoint_slices));
    found.extend(made(&objects.service_accounts));
    found.extend(made(&objects.claims));
    found.extend(made(&objects.volumes));
    found.extend(made(&objects.ingresses));
    found.extend(made(&objects.network_policies));
    found.extend(made(&objects.cron_jobs));
    found
}

fn made<K: Resource>(objects: &[K]) -> impl Iterator<Item = Dated> {
    objects.iter().filter_map(|object| dated(object.meta()))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::note;
    use crate::observe::{KeyedObject, Objects};

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn object(name: &str, version: &str, minute: i64) -> Value {
        json!({"metadata": {"namespace": "shop", "name": name, "resourceVersion": version,
            "creationTimestamp": at(minute).to_string()}})
    }

    fn map(name: &str, version: u64, minute: i64) -> KeyedObject {
        KeyedObject {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            version: Some(version),
            keys: Vec::new(),
            created_at: Some(at(minute)),
            changed_at: None,
            addresses: Vec::new(),
            changed_keys: Vec::new(),
        }
    }

    /// Made in order within the first minute; one pod more at minute 40.
    fn world(maps: Vec<KeyedObject>) -> Objects {
        let pods = [object("web-1", "20", 0), object("web-2", "21", 0), object("web-3", "60", 40)];
        let mut objects: Objects = serde_json::from_value(json!({"pods": pods})).unwrap();
        objects.config_maps = maps;
        objects
    }

    #[test]
    fn an_old_object_with_a_version_from_after_a_young_one_was_written_again() {
        let mut objects = world(vec![map("settings", 61, 0), map("flags", 13, 0)]);
        note(&mut objects, at(60));
        let changed: Vec<_> = objects.config_maps.iter().map(|map| map.changed_at).collect();
        assert_eq!(changed, [Some(at(40)), None]);
    }

    #[test]
    fn what_says_when_it_was_written_is_left_as_it_is() {
        let said = KeyedObject { changed_at: Some(at(7)), ..map("settings", 61, 0) };
        let mut objects = world(vec![said]);
        note(&mut objects, at(60));
        assert_eq!(objects.config_maps[0].changed_at, Some(at(7)));
    }

    #[test]
    fn what_was_written_long_ago_or_has_no_version_is_not_told() {
        let mut objects = world(vec![map("settings", 61, 0)]);
        note(&mut objects, at(40 + 25 * 60));
        assert_eq!(objects.config_maps[0].changed_at, None);
        let mut objects = world(vec![KeyedObject { version: None, ..map("settings", 61, 0) }]);
        note(&mut objects, at(60));
        assert_eq!(objects.config_maps[0].changed_at, None);
    }

    #[test]
    fn versions_by_which_much_seems_to_have_been_written_again_tell_nothing() {
        let maps = (0..8).map(|number| map(&format!("map-{number}"), 61 + number, 0)).collect();
        let mut objects = world(maps);
        note(&mut objects, at(60));
        assert!(objects.config_maps.iter().all(|map| map.changed_at.is_none()));
    }

    #[test]
    fn times_from_the_future_date_nothing() {
        let mut objects = world(vec![map("settings", 61, 0)]);
        note(&mut objects, at(30));
        assert_eq!(objects.config_maps[0].changed_at, None);
    }
}

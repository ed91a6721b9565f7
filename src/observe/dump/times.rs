//! When a dump was collected. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::Objects;

/// A time as people and programs write it; without an offset it is UTC.
pub(super) fn written(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// The newest time in the objects that is not after `now`.
pub(super) fn newest(objects: &Objects, now: Timestamp) -> Option<Timestamp> {
    let events = objects.events.iter().flat_map(|event| {
        let micro = event.event_time.as_ref().map(|time| time.0);
        let times = [&event.last_timestamp, &event.first_timestamp, &event.metadata.creation_timestamp];
        times.into_iter().flatten().map(|time| time.0).chain(micro)
    });
    let nodes = objects.nodes.iter().filter_map(|node| node.status.as_ref()).flat_map(|status| {
        let conditions = status.conditions.iter().flatten();
        conditions.flat_map(|condition| {
            of(&condition.last_heartbeat_time).chain(of(&condition.last_transition_time))
        })
    });
    let pods = objects.pods.iter().flat_map(|pod| {
        let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
        conditions
            .flat_map(|condition| of(&condition.last_transition_time))
            .chain(of(&pod.metadata.creation_timestamp))
            .chain(started(pod))
    });
    let deployments =
        objects.deployments.iter().filter_map(|object| object.status.as_ref()).flat_map(|status| {
            status.conditions.iter().flatten().flat_map(|condition| of(&condition.last_update_time))
        });
    events.chain(nodes).chain(pods).chain(deployments).filter(|time| *time <= now).max()
}

fn of(time: &Option<Time>) -> impl Iterator<Item = Timestamp> {
    time.iter().map(|time| time.0)
}

/// When its containers started and ended.
fn started(pod: &k8s_openapi::api::core::v1::Pod) -> impl Iterator<Item = Timestamp> {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let states = containers.flat_map(|container| container.state.iter().chain(&container.last_state));
    states.flat_map(|state| {
        let running = state.running.iter().flat_map(|running| of(&running.started_at));
        running.chain(
            state.terminated.iter().flat_map(|ended| of(&ended.started_at).chain(of(&ended.finished_at))),
        )
    })
}

//! Rules: from Evidence to possible causes, one file a family.
//!
//! A rule names the object at fault and the workloads whose trouble that explains. It may say more than holds: `ranking`
//! drops what something more specific explains as well.

mod access;
mod admission;
mod candidate;
mod component;
mod config;
mod crash;
mod dependency;
mod image;
mod job;
mod load;
mod memory;
mod network;
mod node;
mod probe;
mod rollout;
mod scaling;
mod scheduling;
mod service;
mod stated;

pub(super) use candidate::Candidate;

use super::facts::Facts;

/// What every rule proposes.
pub(super) fn candidates(facts: &Facts<'_>) -> Vec<Candidate> {
    let rules: &[fn(&Facts<'_>) -> Vec<Candidate>] = &[
        memory::exhausted,
        image::pull_failed,
        config::missing,
        config::changed,
        crash::crash_loop,
        dependency::fails,
        scaling::limited,
        node::unhealthy,
        component::down,
        load::slow,
        scheduling::unschedulable,
        probe::failing,
        job::failed,
        admission::refused,
        access::forbidden,
        network::denied,
        stated::causes,
        service::selects_nothing,
        service::misrouted,
        service::wrongly_addressed,
    ];
    rules.iter().flat_map(|rule| rule(facts)).collect()
}

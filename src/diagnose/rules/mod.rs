//! Rules: from Evidence to possible causes, one file a family. Those that read better as data are in `rulebook`.
//!
//! A rule names the object at fault and the workloads whose trouble that explains. It may say more than holds: `ranking`
//! drops what something more specific explains as well.

mod access;
mod address;
mod admission;
mod advertised;
mod agent;
mod answers;
mod awaited;
mod candidate;
mod certificate;
mod clients;
mod component;
mod config;
mod configured;
mod crash;
mod credentials;
mod database;
mod dependency;
mod image;
mod job;
mod knock_on;
mod load;
mod locks;
mod login;
mod memory;
mod names;
mod network;
mod node;
mod not_admitted;
mod one_node;
mod origin;
mod preempted;
mod probe;
mod provisioner;
mod pull_node;
mod pulls;
mod rewritten;
mod rollout;
mod scaling;
mod scheduling;
mod service;
mod settings;
mod stated;
mod surroundings;
mod takers;
mod trust;
mod unsteady;
mod volume;
mod warned;

pub(super) use candidate::{Candidate, Told};

use super::facts::Facts;

/// What every rule that is code proposes.
pub(super) fn candidates(facts: &Facts<'_>) -> Vec<Candidate> {
    let rules: &[fn(&Facts<'_>) -> Vec<Candidate>] = &[
        memory::exhausted,
        image::pull_failed,
        config::missing,
        config::changed,
        configured::unusable,
        crash::crash_loop,
        database::refuses,
        credentials::refused,
        locks::held,
        names::unresolved,
        names::switched_off,
        names::not_forwarded,
        certificate::expired,
        trust::withdrawn,
        address::wrongly_told,
        advertised::to_themselves,
        dependency::fails,
        surroundings::keep_from_running,
        scaling::limited,
        node::unhealthy,
        component::down,
        load::slow,
        scheduling::unschedulable,
        provisioner::refused,
        preempted::by_others,
        probe::failing,
        job::failed,
        admission::refused,
        access::forbidden,
        network::denied,
        stated::causes,
        answers::changed,
        service::selects_nothing,
        service::misrouted,
        service::wrongly_addressed,
        unsteady::nodes,
        warned::about,
        not_admitted::turned_away,
    ];
    let found = rules.iter().flat_map(|rule| rule(facts));
    let found = found.map(|candidate| origin::of_template(facts, candidate)).collect();
    knock_on::settle(facts, one_node::settle(facts, found))
}

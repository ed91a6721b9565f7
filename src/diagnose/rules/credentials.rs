//! Credentials for somebody outside that are refused since they were written.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::candidate::Candidate;
use super::{database, dependency};
use crate::diagnose::codes;
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::diagnose::graph::EdgeKind;
use crate::incident::{Evidence, ObjectRef};
use crate::observe::ChangeKind;

/// What programs say of credentials of their own; other refusals may be those of their users.
const OWN: [&str; 8] = [
    "invalid_client",
    "unauthorized_client",
    "invalid header",
    "Invalid character in header",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "AuthFailure",
];

/// `dependency.authentication_failed` about the one Secret that a program reads and that was written shortly before, where
/// somebody who is no Service of the cluster goes on to refuse it.
pub(super) fn refused(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut told: BTreeMap<ObjectRef, Vec<&Evidence>> = BTreeMap::new();
    for piece in facts.with(&[codes::LOG_AUTHENTICATION]).filter(|piece| database::insists(piece)) {
        let own = || OWN.iter().any(|words| piece.statement.contains(words));
        let outside = |named: ObjectRef| named.kind == "ExternalHost";
        if dependency::named(piece).map_or_else(own, outside) {
            told.entry(facts.index.workload_of(&piece.object)).or_default().push(piece);
        }
    }
    told.into_iter().filter_map(|(program, told)| candidate(facts, &program, &told)).collect()
}

fn candidate(facts: &Facts<'_>, program: &ObjectRef, told: &[&Evidence]) -> Option<Candidate> {
    let read = [EdgeKind::ReadsConfig, EdgeKind::Mounts].map(|kind| facts.graph.targets(program, kind));
    let secrets = read.iter().flatten().filter(|object| object.kind == "Secret");
    let written: BTreeMap<_, _> = secrets
        .filter_map(|secret| Some((secret, facts.recent_change(secret, ChangeKind::Configuration, program)?)))
        .collect();
    let mut written = written.into_iter();
    let (secret, (change, shown)) = written.next().filter(|_| written.next().is_none())?;
    let first =
        told.iter().filter_map(|piece| piece.fields.get("first_seen")?.parse::<Timestamp>().ok()).min();
    if first.is_some_and(|first| first < change.at) {
        return None;
    }
    let said = told.first().map(|piece| piece.statement.as_str()).unwrap_or_default();
    let statement = format!(
        "{program} is refused, and {secret}, which it reads, was written at {} or later: {said}",
        change.at
    );
    let candidate = Candidate::new(confidence::DEPENDENCY_AUTHENTICATION, secret.clone(), statement);
    Some(candidate.because(told.iter().copied()).because_of(shown).explaining([program.clone()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::{World, ago, object};
    use crate::incident::ObjectRef;
    use crate::observe::{Change, ChangeKind};

    /// A program that says so again and again and reads a Secret which was written so many minutes ago.
    fn world(line: &str, minutes: i64) -> World {
        let env =
            json!([{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "token"}}}]);
        let mut world = World::new().deployment("web", 1).log("web-1-0", &format!("{line}\n").repeat(20));
        let spec =
            world.snapshot.objects.deployments[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap();
        spec.containers[0].env = Some(object(env));
        world.change(Change {
            kind: ChangeKind::Configuration,
            object: ObjectRef::new("Secret", "shop", "token"),
            at: ago(minutes),
            revision: None,
            previous_revision: None,
            fields: Vec::new(),
        })
    }

    fn blames_the_secret(world: &World) -> bool {
        world.causes().first().is_some_and(|(_, object, _)| object == "Secret shop/token")
    }

    const HEADER: &str =
        "Get \"https://rights.example.com/v4\": net/http: invalid header field value for \"Authorization\"";

    #[test]
    fn a_secret_that_somebody_outside_refuses_since_it_was_written_is_at_fault() {
        assert!(blames_the_secret(&world(HEADER, 20)));
        let client = "token exchange failed: oauth2: \"unauthorized_client\" \"Invalid client or Invalid client credentials\"";
        assert!(blames_the_secret(&world(client, 20)));
    }

    #[test]
    fn users_who_mistype_their_passwords_say_nothing_of_a_secret() {
        assert!(!blames_the_secret(&world("WARN login failed: invalid credentials for user anna", 20)));
    }

    #[test]
    fn one_of_long_ago_and_other_errors_are_not() {
        assert!(!blames_the_secret(&world(HEADER, 500)));
        assert!(!blames_the_secret(&world("Get \"https://rights.example.com/v4\": EOF", 20)));
    }
}

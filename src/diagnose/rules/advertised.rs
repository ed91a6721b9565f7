//! Brokers that send their clients to an address at which only they themselves find them.

use super::candidate::Candidate;
use super::database;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::confidence;
use crate::diagnose::facts::Facts;
use crate::incident::{Evidence, ObjectRef};

/// What clients say who find nobody there.
const NOBODY: [Code; 3] = [codes::LOG_REFUSED, codes::LOG_UNAVAILABLE, codes::LOG_TIMEOUT];

/// Addresses that mean the same machine.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];

/// A word in the names of settings by which servers tell clients where they are (Kafka's `advertised.listeners`, etcd's
/// `advertise-client-urls`).
const TOLD: &str = "ADVERTISE";

/// `dependency.wrong_address` about the server that tells its clients to call themselves.
pub(super) fn to_themselves(facts: &Facts<'_>) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for piece in facts.with(&NOBODY).filter(|piece| database::insists(piece)) {
        let Some((server, setting)) = sent_by(facts, piece) else { continue };
        let client = facts.index.workload_of(&piece.object);
        let known = found.iter().position(|candidate| candidate.object == server);
        let candidate = match known {
            Some(place) => found.remove(place),
            None => {
                let statement = format!(
                    "{server} tells its clients by {setting} that it is at their own address: {}",
                    piece.statement
                );
                Candidate::new(confidence::WRONG_ADDRESS, server, statement)
            }
        };
        found.push(candidate.because([piece]).explaining([client]));
    }
    found
}

/// The server that the client calls and that advertises the address at which it finds nobody, with the setting.
fn sent_by(facts: &Facts<'_>, piece: &Evidence) -> Option<(ObjectRef, String)> {
    let field = |name: &str| piece.fields.get(name).map(String::as_str);
    let (host, port) = (field("dependency")?, field("dependency_port")?);
    let client = facts.index.workload_of(&piece.object);
    if !OWN.contains(&host) || listens(facts, &client, port) {
        return None;
    }
    let services = facts.index.called_by(&client);
    let servers = services.iter().flat_map(|service| facts.index.behind(service));
    servers.into_iter().filter(|server| *server != client).find_map(|server| {
        let spec = facts.index.spec_of(&server)?;
        let variables = spec.containers.iter().flat_map(|own| own.env.iter().flatten());
        let mut told = variables.filter(|variable| {
            let name = variable.name.to_ascii_uppercase();
            let value = variable.value.as_deref().unwrap_or_default();
            let mut addresses = value.split([',', ' ']).filter_map(|own| Some(own.split_once("://")?.1));
            let own = |address: &str| {
                address.split_once(':').is_some_and(|(host, to)| OWN.contains(&host) && to == port)
            };
            name.contains(TOLD) && addresses.clone().next().is_some() && addresses.all(own)
        });
        let setting = told.next()?.name.clone();
        Some((server, setting))
    })
}

fn listens(facts: &Facts<'_>, workload: &ObjectRef, port: &str) -> bool {
    let spec = facts.index.spec_of(workload).into_iter().flat_map(|spec| &spec.containers);
    spec.flat_map(|own| own.ports.iter().flatten()).any(|own| own.container_port.to_string() == port)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::world::World;

    /// A client that is given the broker's name and finds nobody at home.
    fn world(advertised: &str) -> World {
        let told = json!([{"name": "KAFKA_ADVERTISED_LISTENERS", "value": advertised}]);
        let given = json!([{"name": "KAFKA_BROKERS", "value": "queue:9092"}]);
        let line = "[Producer] Connection to node 2 (localhost/127.0.0.1:9092) could not be established. Broker may not be available.\n";
        World::new()
            .deployment("queue", 1)
            .environment("queue", &told)
            .deployment("web", 1)
            .environment("web", &given)
            .log("web-1-0", &line.repeat(20))
    }

    fn blamed(world: &World) -> bool {
        let mut causes = world.causes().into_iter();
        causes
            .any(|(code, object, _)| code == "dependency.wrong_address" && object == "Deployment shop/queue")
    }

    #[test]
    fn a_broker_that_sends_its_clients_to_themselves_is_at_fault() {
        assert!(blamed(&world("PLAINTEXT://localhost:9092")));
        assert!(!blamed(&world("PLAINTEXT://queue:9092")));
        assert!(!blamed(&world("PLAINTEXT://queue:9092,HOST://localhost:9092")), "there is another one");
        assert!(!blamed(&world("PLAINTEXT://localhost:90921")));
    }
}

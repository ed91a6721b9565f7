//! What the scripted model of the demo says in chat: it looks for the incident that there is and tells what was found, with
//! the marks of what it read. It understands no question, and says so.

use serde_json::json;

use super::script::Suspect;
use crate::sim::model::{Asked, Reply};

/// What every answer ends with: nobody is to take a script for a model.
const SCRIPTED: &str = "My part is played from a script: whatever is asked, I tell what was found. `kubewright demo --agents \
     FILE` with models of yours answers questions.";

/// What identifiers of incidents begin with.
const PREFIX: &str = "inc-";

/// The reply in a chat.
pub(super) fn reply(suspect: Option<&Suspect>, asked: &Asked<'_>) -> Reply {
    let results = asked.results();
    match (suspect, results.len()) {
        (Some(Suspect { namespace, name, .. }), 0) if offered(asked, "kubernetes_list") => {
            let pods = json!({"kind": "pods", "namespace": namespace, "contains": name});
            Reply::call("kubernetes_list", pods)
        }
        (Some(suspect), _) => about(suspect),
        (None, 0) if offered(asked, "incidents_list") => Reply::call("incidents_list", json!({"limit": 1})),
        (None, 1) if offered(asked, "incident_evidence") => match incident(&results) {
            Some(id) => Reply::call("incident_evidence", json!({"incident": id})),
            None => say("No incident is known, so there is nothing to tell."),
        },
        (None, _) => say(&told(asked, &results)),
    }
}

fn offered(asked: &Asked<'_>, tool: &str) -> bool {
    asked.tools().contains(&tool)
}

fn say(text: &str) -> Reply {
    Reply::say(format!("{text}\n\n{SCRIPTED}"))
}

fn about(suspect: &Suspect) -> Reply {
    let marks: String = suspect.cited.iter().map(|number| format!("[{number}]")).collect();
    let sure = suspect.confidence * 100.0;
    say(&format!("{} {marks} ({}, {sure:.0} % confident.)", suspect.statement, suspect.code))
}

/// The first incident that a tool has named.
fn incident(results: &[String]) -> Option<String> {
    let text = results.concat();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    words.find(|word| word.starts_with(PREFIX) && word.len() > PREFIX.len()).map(str::to_owned)
}

/// What the last tool has said, with the marks of what it brought.
fn told(asked: &Asked<'_>, results: &[String]) -> String {
    let text = results.last().map(String::as_str).unwrap_or_default();
    let seen = asked.evidence("").into_iter().filter(|number| text.contains(&format!("[{number}]")));
    let marks: String = seen.map(|number| format!("[{number}]")).collect();
    let wanted = |line: &&str| {
        !line.is_empty() && !line.starts_with("<<<") && *line != "Citable:" && !line.starts_with('[')
    };
    match text.lines().map(str::trim).find(wanted) {
        Some(line) => format!("{line} {marks}"),
        None => "Nothing was found.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::SCRIPTED;
    use crate::cli::demo::script::reply;
    use crate::sim::model::Reply;

    fn body(results: &[&str]) -> Value {
        let mut messages =
            vec![json!({"role": "system", "content": "You are kubewright, an incident responder"})];
        messages.push(json!({"role": "user", "content": "why is checkout crashing?"}));
        messages.extend(results.iter().map(|text| json!({"role": "tool", "content": text})));
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        json!({"messages": messages, "tools": [tool("incidents_list"), tool("incident_evidence")]})
    }

    fn called(reply: Reply) -> (String, Value) {
        let Reply::Call(calls) = reply else { panic!("{reply:?}") };
        (calls[0].tool.clone(), calls[0].arguments.clone())
    }

    #[test]
    fn a_chat_is_answered_from_the_incident_that_there_is() {
        assert_eq!(called(reply(&body(&[]))).0, "incidents_list");
        let listed =
            "<<<untrusted 0 incidents_list>>>\ninc-7h2k [closed: repaired] critical\n<<<end untrusted 0>>>";
        let read = called(reply(&body(&[listed])));
        assert_eq!(read, ("incident_evidence".to_owned(), json!({"incident": "inc-7h2k"})));
        let shown = "<<<untrusted 0 x>>>\nCitable:\n[E1] Incident inc-7h2k: repaired\nCheckout was rolled back.\n<<<end untrusted 0>>>";
        let said = reply(&body(&[listed, shown]));
        assert_eq!(said, Reply::say(format!("Checkout was rolled back. [E1]\n\n{SCRIPTED}")));
    }

    #[test]
    fn without_an_incident_it_says_so() {
        let Reply::Say(said) = reply(&body(&["There are no such incidents."])) else { panic!("it says") };
        assert!(said.starts_with("No incident is known"), "{said}");
    }
}

//! What is said is the same whole and in pieces, and says what it rests on.

use kubewright::sim::Scenario;
use kubewright::sim::model::{Asked, Call, Reply, ScriptedModel};
use serde_json::{Value, json};

use super::{NOWHERE, chat, complete, events, hasty, leaves_it, question, site, streamed, whole};
use crate::support::site::{Town, agents};

fn look(text: &str) -> Reply {
    Reply::SayAndCall(text.to_owned(), vec![Call { tool: "incidents_list".to_owned(), arguments: json!({}) }])
}

/// Looks twice, each time with a word before.
fn looks_twice(asked: &Asked<'_>) -> Reply {
    match asked.results().len() {
        0 => look("Let me look.\n"),
        1 => look("And once more."),
        _ => Reply::say("\nThere is  nothing.\n\nReally."),
    }
}

const EXPECTED: &str = "Let me look.\n\nAnd once more.\n\nThere is  nothing.\n\nReally.";

#[tokio::test(flavor = "multi_thread")]
async fn several_turns_are_said_as_paragraphs_and_the_same_on_every_way() {
    let model = ScriptedModel::obedient(leaves_it(looks_twice)).await.unwrap();
    let site = site(NOWHERE, hasty(&model, "")).await;
    let (_, body) = complete(&site, &question(&json!({"max_tokens": 99}))).await;
    let said = whole(&body);
    assert!(said.starts_with(EXPECTED), "{said:?}");
    assert_eq!(model.requests()[0].body["max_tokens"], 99);
    let used: Value = serde_json::from_str(&body).unwrap();
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let (_, stream) = complete(&site, &question(&options)).await;
    assert_eq!(streamed(&stream), said);
    let chunks = events(&stream);
    assert_eq!(chunks.last().unwrap().1, json!("[DONE]"));
    let last = &chunks[chunks.len() - 2].1;
    assert_eq!(last["choices"], json!([]));
    // What is read differs by the length of the time of day; what is written does not.
    let tokens = |of: &Value, what: &str| of["usage"][what].as_u64().unwrap();
    assert_eq!(tokens(last, "completion_tokens"), tokens(&used, "completion_tokens"));
    assert!(tokens(last, "prompt_tokens") > 0, "{last}");
    let both = tokens(last, "prompt_tokens") + tokens(last, "completion_tokens");
    assert_eq!(tokens(last, "total_tokens"), both);
    let heard = chat(&site, &json!({"message": "why?"})).await;
    assert_eq!((heard.said(), heard.done().text.as_str()), (said.clone(), said.as_str()));
    let kept = site
        .store
        .messages(&kubewright::store::ConversationId::from_text(&heard.conversation), 0, 10)
        .await
        .unwrap();
    assert_eq!(kept[1].text, said);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_ends_at_its_stop_text_whatever_the_provider_does() {
    let model = ScriptedModel::obedient(leaves_it(|_| Reply::say("It is THE END of it."))).await.unwrap();
    let site = site(NOWHERE, hasty(&model, "")).await;
    for (stop, said) in [
        (json!("THE END"), "It is"),
        (json!(["x", "E END"]), "It is TH"),
        (json!("no"), "It is THE END of it."),
    ] {
        let (_, body) = complete(&site, &question(&json!({"stop": stop}))).await;
        assert_eq!(whole(&body), said);
        let (_, body) = complete(&site, &question(&json!({"stop": stop, "stream": true}))).await;
        assert_eq!(streamed(&body), said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_said_after_what_was_said_before_it() {
    let model = ScriptedModel::obedient(leaves_it(|_| look("Let me look."))).await.unwrap();
    let settings = hasty(&model, "[limits]\ntokens = 12000\n");
    let site = site(NOWHERE, settings).await;
    let (_, body) = complete(&site, &question(&json!({"stream": true}))).await;
    let said = streamed(&body);
    assert!(
        said.starts_with("Let me look.\n\n") && said.contains("\n\nI had to stop before I could answer: "),
        "{said:?}"
    );
    assert!(body.contains("\"finish_reason\":\"length\""), "{body}");
    let (_, body) = complete(&site, &question(&json!({}))).await;
    assert_eq!(whole(&body), said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_written_as_text_is_never_said() {
    let written =
        "Let me look.\n<tool_call>\n{\"name\": \"incidents_list\", \"arguments\": {}}\n</tool_call>";
    let model = ScriptedModel::obedient(leaves_it(move |asked| {
        if asked.results().is_empty() { Reply::say(written) } else { Reply::say("{\"open\": 0} is all.") }
    }))
    .await
    .unwrap();
    let site = site(NOWHERE, hasty(&model, "")).await;
    let (_, body) = complete(&site, &question(&json!({"stream": true}))).await;
    let said = streamed(&body);
    assert!(
        said.starts_with("Let me look.\n\n{\"open\": 0} is all.") && !said.contains("tool_call"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_cites_comes_as_citations_and_links() {
    let model = ScriptedModel::obedient(leaves_it(|asked| {
        if asked.results().is_empty() {
            let of = json!({"kind": "Deployment", "namespace": "shop", "name": "checkout"});
            return Reply::call("kubernetes_get", of);
        }
        let new = asked.evidence("Deployment shop/checkout").pop().unwrap_or_default();
        Reply::say(format!("It is at fault [{new}], see [E1, E99999]."))
    }))
    .await
    .unwrap();
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 1, agents(&model, "")).await;
    let incident = town.site.first_settled().await;
    let heard = chat(&town.site, &json!({"message": "why?", "incident": incident.id})).await;
    let done = heard.done();
    let cited = heard.events.iter().filter(|(kind, _)| kind == "citation").count();
    assert_eq!((cited, done.citations.len()), (2, 2), "{:#?}", heard.events);
    let link = format!("{}/api/v1/incidents/{}", town.site.url, incident.id);
    assert!(
        done.citations.iter().any(|cited| cited.mark == "[E1]" && cited.uri == link),
        "{:?}",
        done.citations
    );
    assert!(
        done.text.contains("[E99999] is cited above, but nothing was seen under that number."),
        "{}",
        done.text
    );
    let (_, body) = complete(&town.site, &question(&json!({"metadata": {"incident": incident.id}}))).await;
    let said = whole(&body);
    assert!(said.contains("\n\nSources:\n") && said.contains(&format!("]({link})")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_looked_and_cites_nothing_says_so() {
    let model = ScriptedModel::obedient(leaves_it(looks_twice)).await.unwrap();
    let site = site(NOWHERE, hasty(&model, "")).await;
    let done = chat(&site, &json!({"message": "why?"})).await.done();
    assert!(done.text.ends_with("Nothing that was seen is cited for this: check it before you rely on it."));
    let model = ScriptedModel::obedient(leaves_it(|_| Reply::say("Hello."))).await.unwrap();
    let site = super::site(NOWHERE, hasty(&model, "")).await;
    assert_eq!(chat(&site, &json!({"message": "hi"})).await.done().text, "Hello.");
}

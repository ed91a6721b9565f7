//! A model that can read little goes through a whole incident.

use std::path::Path;

use kubewright::incident::{InvestigationEnd, Outcome};
use kubewright::settings::{AgentsSettings, Environment};
use kubewright::sim::Scenario;
use kubewright::sim::model::{Asked, Fault, Reply, ScriptedModel};
use serde_json::{Value, json};

use super::{Who, call, cited, report, right_about_bad_deploy, run_of, suspicion, who};
use crate::support::site::{ALWAYS, Town, end};

/// What it can read, tokens.
const WINDOW: usize = 4_096;

/// Its tokens are shorter than usual, bytes.
const BYTES_PER_TOKEN: f64 = 3.5;

fn tokens(body: &Value) -> usize {
    let part = |name: &str| body.get(name).map_or(0, |part| part.to_string().len());
    ((part("messages") + part("tools")) as f64 / BYTES_PER_TOKEN) as usize
}

/// Reads the logs and manifests of everything before it answers.
fn diligent(asked: &Asked<'_>) -> Reply {
    match (who(asked), asked.results().len()) {
        (Who::Diagnostic, 0) => Reply::Call(vec![
            call("kubernetes_logs", json!({"pod": "deployment/checkout", "namespace": "shop", "tail": 2000})),
            call("kubernetes_list", json!({"kind": "pods", "namespace": "shop"})),
        ]),
        (Who::Diagnostic, 2) => Reply::call(
            "kubernetes_get",
            json!({"kind": "deployment", "name": "checkout", "namespace": "shop"}),
        ),
        (Who::Diagnostic, 3) => Reply::call("kubernetes_events", json!({"namespace": "shop"})),
        (Who::Diagnostic, _) => {
            let seen = cited(asked, "Deployment shop/checkout");
            report(&[suspicion("deploy.bad_rollout", "checkout", 0.9, &seen)])
        }
        _ => right_about_bad_deploy(asked, &[]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_thousand_tokens_are_enough() {
    let model = ScriptedModel::obedient(|body| {
        if tokens(body) > WINDOW {
            let message = format!(
                "request ({} tokens) exceeds the available context size ({WINDOW} tokens)",
                tokens(body)
            );
            return Reply::Fail(Fault::Status { status: 400, retry_after: None, message });
        }
        diligent(&Asked::new(body))
    })
    .await
    .unwrap();
    let text = format!(
        "[providers.scripted]\nkind = \"llamacpp\"\nurl = \"{}\"\n[models.main]\nprovider = \"scripted\"\n\
         model = \"scripted\"\ncontext_tokens = {WINDOW}\nanswer_tokens = 512\n{ALWAYS}",
        model.url()
    );
    let settings = AgentsSettings::parse(&text, Path::new("agents.toml"), &Environment::new()).unwrap();
    let town = Town::in_trouble(Scenario::builtin("bad-deploy").unwrap(), 3, settings).await;
    let incident = town.site.first_settled().await;
    let investigation = incident.investigation.as_ref().unwrap();
    assert_eq!(
        (incident.outcome, end(&incident)),
        (Some(Outcome::Repaired), InvestigationEnd::Concluded),
        "{investigation:#?}"
    );
    assert_eq!(incident.cause().unwrap().code, "deploy.bad_rollout");
    let diagnostic = run_of(&incident, "diagnostic");
    assert!(diagnostic.tools.contains_key("kubernetes_logs"), "{:?}", diagnostic.tools);
    let requests = model.requests();
    let refused = requests.iter().filter(|request| tokens(&request.body) > WINDOW).count();
    assert!(refused * 3 <= requests.len(), "{refused} of {} did not fit", requests.len());
}

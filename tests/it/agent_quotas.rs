//! Limits that outlive a run: of an incident, a day, a tenant. Booked in the store before a model is asked.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use kubewright::agents::chat::{Chat, ChatError, ChatMessage, ChatTurn, Role, Talk};
use kubewright::agents::progress::Progress;
use kubewright::agents::tools::Access;
use kubewright::agents::{Agents, Parts, Sources};
use kubewright::egress::Egress;
use kubewright::recall::{Recall, SearchRequest};
use kubewright::settings::{AgentsSettings, Environment, Settings};
use kubewright::sim::model::{Reply, ScriptedModel};
use kubewright::store::{Store, Usage};
use kubewright::workflow::Clusters;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::eventually;

struct Stage {
    agents: Agents,
    chat: Chat,
    store: Store,
    recall: Recall,
}

/// A process that works with the database in `folder`.
async fn start(folder: &TempDir, model: &ScriptedModel, limits: &str) -> Stage {
    let text = format!(
        "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"nowhere\"\nurl = \"http://127.0.0.1:1\"\n",
        folder.path().join("kubewright.db").display()
    );
    let mut settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
    let agents = format!(
        "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\n\
         [models.main]\nprovider = \"scripted\"\nmodel = \"scripted\"\ncontext_tokens = 64000\n\
         answer_tokens = 500\ninput_price = 1.0\noutput_price = 10.0\n\
         [agents.orchestrator]\ntools = []\n{limits}",
        model.url()
    );
    settings.agents = AgentsSettings::parse(&agents, Path::new("agents.toml"), &Environment::new()).unwrap();
    let clusters = Clusters::connect(&settings).await.unwrap();
    let (store, recall) = (Store::open(&settings.store).await.unwrap(), Recall::new(None).await);
    let egress = Egress::new(&settings.egress).unwrap();
    let clean = egress.for_people();
    let sources = Sources {
        observers: clusters.observers(),
        default_cluster: Some("nowhere".to_owned()),
        rules: Arc::default(),
        recall: recall.clone(),
        store: store.clone(),
    };
    let agents = Agents::new(Parts {
        settings: settings.agents.clone(),
        egress,
        sources: sources.clone(),
        more_tools: Vec::new(),
    })
    .unwrap();
    let talk = Some(Arc::new(agents.clone()) as Arc<dyn Talk>);
    let chat = Chat::new(sources, &settings, talk, clean);
    Stage { agents, chat, store, recall }
}

fn turn(namespaces: &[&str]) -> ChatTurn {
    let names: BTreeSet<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
    ChatTurn {
        agent: "orchestrator".to_owned(),
        messages: vec![ChatMessage::new(Role::User, "what does KubePodCrashLooping mean?")],
        about: None,
        conversation: None,
        cluster: None,
        access: if names.is_empty() { Access::Everything } else { Access::Namespaces(names) },
        stop: Vec::new(),
        max_tokens: None,
        temperature: None,
        progress: Progress::none(),
        cancel: CancellationToken::new(),
    }
}

async fn talkative() -> ScriptedModel {
    ScriptedModel::obedient(|_| Reply::say("It crashes.")).await.unwrap()
}

/// What is booked once all calls are settled: what they took is known then.
async fn used(store: &Store) -> Usage {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    eventually("all calls are settled", Duration::from_secs(10), async || {
        let used = store.day_usage(today).await.unwrap();
        let all_settled = used.tenants.iter().all(|tenant| tenant.used.millis >= tenant.used.turns);
        all_settled.then_some(used.all)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_day_is_answered_without_a_model_also_after_a_restart() {
    let (model, folder) = (talkative().await, tempfile::tempdir().unwrap());
    let limits = "[limits.day]\nturns = 1\n";
    let stage = start(&folder, &model, limits).await;
    let first = stage.chat.answer(turn(&[])).await.unwrap();
    assert_eq!((first.text.as_str(), first.model.as_deref()), ("It crashes.", Some("main")));
    let booked = used(&stage.store).await;
    assert_eq!((booked.tokens, booked.turns), (first.input_tokens + first.output_tokens, 1));
    let price = first.input_tokens as f64 + 10.0 * first.output_tokens as f64;
    assert!((booked.cost - price / 1e6).abs() < 1.5e-6, "{booked:?}");
    stage.store.close().await;

    let stage = start(&folder, &model, limits).await;
    let second = stage.chat.answer(turn(&[])).await.unwrap();
    assert_eq!(second.model, None);
    assert!(
        second.text.contains("the limit of 1 questions to models for a day is reached"),
        "{}",
        second.text
    );
    assert!(
        second.text.contains("it begins anew at ") && second.text.contains("00:00 UTC"),
        "{}",
        second.text
    );
    assert_eq!((model.requests().len(), used(&stage.store).await), (1, booked));
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_at_the_same_time_cannot_go_over_the_money_of_a_day_together() {
    // Slow, so that all of them are under way at the same time.
    let slow = ScriptedModel::paced(Duration::from_millis(500), |_| Reply::say("It crashes."));
    let (model, folder) = (slow.await.unwrap(), tempfile::tempdir().unwrap());
    // An answer of 500 tokens may cost 0.005 USD; reading is cheap beside it.
    let stage = start(&folder, &model, "[limits.day]\ncost = 0.021\n").await;
    let answers = futures::future::join_all((0..12).map(|_| stage.agents.talk(turn(&[])))).await;
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(|answer| matches!(answer, Err(ChatError::NotAsked(_)))).count();
    assert_eq!((answered + refused, answered == model.requests().len()), (12, true), "{answers:?}");
    assert!((1..12).contains(&answered), "{answered}");
    assert!(used(&stage.store).await.cost <= 0.021);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_has_used_its_share_leaves_the_others_theirs() {
    let (model, folder) = (talkative().await, tempfile::tempdir().unwrap());
    let limits =
        "[tenants.shop]\nnamespaces = [\"shop*\"]\nturns = 1\n[tenants.data]\nnamespaces = [\"db\"]\n";
    let stage = start(&folder, &model, limits).await;
    assert!(stage.agents.talk(turn(&["shop", "shop-web"])).await.is_ok());
    let Err(ChatError::NotAsked(why)) = stage.agents.talk(turn(&["shop-web"])).await else {
        panic!("the share is used up");
    };
    assert!(why.contains("of tenant shop for a day is reached"), "{why}");
    for others in [&["db"][..], &["db", "shop"], &[]] {
        assert!(stage.agents.talk(turn(others)).await.is_ok(), "{others:?}");
    }
    assert_eq!(model.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_store_does_not_answer_no_model_is_asked() {
    let (model, folder) = (talkative().await, tempfile::tempdir().unwrap());
    let stage = start(&folder, &model, "").await;
    stage.store.close().await;
    let refused = stage.agents.talk(turn(&[])).await;
    assert!(
        matches!(&refused, Err(ChatError::NotAsked(why)) if why.contains("cannot be read")),
        "{refused:?}"
    );
    assert_eq!(model.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_wordings_are_booked_and_limited_too() {
    let model = ScriptedModel::obedient(|_| Reply::say("exit code 137")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stage = start(&folder, &model, "[limits.day]\nturns = 1\n").await;
    let request = SearchRequest::new("why was it killed");
    for _ in 0..2 {
        // Knowledge is switched off; the question was reworded before that is known.
        assert!(stage.recall.search_reworded(&request).await.is_err());
    }
    assert_eq!(model.requests().len(), 1);
    assert_eq!(used(&stage.store).await.turns, 1);
}

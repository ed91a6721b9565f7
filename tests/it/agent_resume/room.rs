//! Agents over a store that outlives them, a tool that shows something, and a model that can hold one call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use kubewright::agents::chat::{ChatMessage, ChatTurn, Role};
use kubewright::agents::progress::Progress;
use kubewright::agents::tools::{Access, Observation, Tool, ToolContext, ToolError, ToolOutput};
use kubewright::agents::{Agents, Groundwork, Investigated, Parts, Sources};
use kubewright::egress::Egress;
use kubewright::incident::{
    Evidence, EvidenceId, EvidenceSource, Fingerprint, Hypothesis, Incident, IncidentId, ObjectRef, Proposer,
    Scope, Score, Severity, Signal, SignalSource, SignalState,
};
use kubewright::observe::Observer;
use kubewright::recall::Recall;
use kubewright::settings::{AgentsSettings, Environment, Settings};
use kubewright::sim::model::{Asked, Fault, Reply, ScriptedModel};
use kubewright::store::Store;
use kubewright::workflow::Clusters;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::eventually;

/// A secret in what the tool reads.
pub(crate) const CANARY: &str = "ghp_CanaryCanaryCanaryCanaryCanary123456";

/// Something private in what the tool reads.
pub(crate) const EMAIL: &str = "ada@customer.example";

/// Nothing is said about the specialist beyond its tool.
pub(crate) const PLAIN: &str = "";

const PATIENCE: Duration = Duration::from_secs(20);

/// Shows something that can be cited, another thing for each number.
struct Look(String);

impl Tool for Look {
    fn name(&self) -> &'static str {
        "look"
    }

    fn description(&self) -> &'static str {
        "Looks."
    }

    fn schema(&self) -> Value {
        json!({"type": "object", "properties": {"number": {"type": "integer"}}, "additionalProperties": false})
    }

    fn call<'a>(&'a self, given: Value, _: &'a ToolContext) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        let number = given["number"].as_i64().unwrap_or_default();
        let seen = Observation {
            source: EvidenceSource::Log,
            object: ObjectRef::new("Pod", "shop", format!("checkout-{number}")),
            statement: format!("It ends with code {number}."),
            strength: Score::new(0.5),
            at: Timestamp::UNIX_EPOCH,
            fields: BTreeMap::new(),
        };
        let text = format!("{}\nGITHUB_TOKEN={CANARY}\nby {EMAIL}\ncode {number}", self.0);
        Box::pin(async move { Ok(ToolOutput { text, ..ToolOutput::default() }.with([seen])) })
    }
}

/// What outlives a process: a folder with a database.
pub(crate) struct Room {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    observer: Observer,
    observers: BTreeMap<String, Observer>,
    reads: String,
}

/// A pod of checkout, which nobody can explain.
pub(crate) fn incident() -> Incident {
    let scope =
        Scope { cluster: "nowhere".to_owned(), namespace: Some("shop".to_owned()), ..Scope::default() };
    let signal = Signal {
        fingerprint: Fingerprint("f".to_owned()),
        source: SignalSource::Alertmanager,
        name: "PodCrashLooping".to_owned(),
        severity: Severity::Critical,
        state: SignalState::Firing,
        summary: "It crashes.".to_owned(),
        scope,
        labels: Default::default(),
        annotations: Default::default(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        expression: None,
        generator_url: None,
    };
    Incident::open(IncidentId::random(), signal, Timestamp::UNIX_EPOCH)
}

fn groundwork(statement: &str) -> Groundwork {
    let object = ObjectRef::new("Deployment", "shop", "checkout");
    let evidence = Evidence {
        id: EvidenceId(1),
        source: EvidenceSource::Object,
        code: "deploy.not_ready".to_owned(),
        object: object.clone(),
        statement: statement.to_owned(),
        strength: Score::new(0.5),
        at: Timestamp::UNIX_EPOCH,
        fields: BTreeMap::new(),
    };
    let hypothesis = Hypothesis {
        code: "deploy.bad_rollout".to_owned(),
        object,
        statement: "The rollout is bad.".to_owned(),
        confidence: Score::new(0.3),
        evidence_for: vec![EvidenceId(1)],
        evidence_against: Vec::new(),
        proposer: Proposer::Rule("rollout".to_owned()),
        runbook: None,
        playbook: None,
    };
    Groundwork { evidence: vec![evidence], hypotheses: vec![hypothesis], gaps: Vec::new(), healthy: false }
}

impl Room {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"nowhere\"\nurl = \"http://127.0.0.1:1\"\n",
            folder.path().join("kubewright.db").display()
        );
        let settings = Settings::parse(&text, "test.toml", &Environment::new()).unwrap();
        let observers = Clusters::connect(&settings).await.unwrap().observers();
        let store = Store::open(&settings.store).await.unwrap();
        let observer = observers["nowhere"].clone();
        Self { folder, store, observer, observers, reads: "a log".to_owned() }
    }

    /// What the tool reads from now on.
    pub(crate) fn that_reads(self, text: &str) -> Self {
        Self { reads: text.to_owned(), ..self }
    }

    /// The texts of all files of the database.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).unwrap();
        files.map(read).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    /// Agents as a new process has them. `more` says more of the specialist, and what comes after it.
    async fn agents(&self, model: &ScriptedModel, more: &str) -> Agents {
        let text = format!(
            "[providers.scripted]\nkind = \"openai_compatible\"\nurl = \"{}\"\ntimeout = \"60s\"\n\
             [models.main]\nprovider = \"scripted\"\nmodel = \"scripted\"\ncontext_tokens = 64000\ninput_price = 1.0\n\
             [assess]\nconfidence = 1.0\nmargin = 1.0\n[agents.orchestrator]\ntools = [\"look\"]\n\
             [agents.diagnostic]\ntools = [\"look\"]\n{more}",
            model.url()
        );
        let file = self.folder.path().join("agents.toml");
        let look: Arc<dyn Tool> = Arc::new(Look(self.reads.clone()));
        let agents = Agents::new(Parts {
            settings: AgentsSettings::parse(&text, Path::new(&file), &Environment::new()).unwrap(),
            egress: Egress::new(&Default::default()).unwrap(),
            sources: Sources {
                observers: self.observers.clone(),
                default_cluster: Some("nowhere".to_owned()),
                rules: Arc::default(),
                recall: Recall::new(None).await,
                store: self.store.clone(),
            },
            more_tools: vec![look.into()],
        });
        agents.unwrap()
    }

    /// An investigation in one go.
    pub(crate) async fn investigate_whole(&self, about: &Incident, more: &str) -> Investigated {
        let model = ScriptedModel::obedient(|body| play(&Asked::new(body))).await.unwrap();
        let agents = self.agents(&model, more).await;
        let cancel = CancellationToken::new();
        agents.investigate(about, groundwork("It is not ready."), &self.observer, cancel).await.unwrap()
    }

    /// The same until the model holds the call of this number, from 1: then nothing of it is left but the store. Returns
    /// what was asked.
    pub(crate) async fn investigate_until(&self, about: &Incident, held: usize) -> Vec<Value> {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let model = ScriptedModel::obedient(move |body| {
            if count.fetch_add(1, Ordering::SeqCst) + 1 == held {
                return Reply::Fail(Fault::Stall { after: String::new() });
            }
            play(&Asked::new(body))
        })
        .await
        .unwrap();
        let agents = self.agents(&model, PLAIN).await;
        let (about, observer) = (about.clone(), self.observer.clone());
        let running = tokio::spawn(async move {
            let ground = groundwork("It is not ready.");
            Box::pin(agents.investigate(&about, ground, &observer, CancellationToken::new())).await
        });
        eventually("the model holds the call", PATIENCE, async || {
            (asked.load(Ordering::SeqCst) == held).then_some(())
        })
        .await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        model.requests().into_iter().map(|request| request.body).collect()
    }

    /// The same as a process after that does it, which finds the world a little different. Returns what was asked, too.
    pub(crate) async fn investigate_again(&self, about: &Incident, more: &str) -> (Vec<Value>, Investigated) {
        let model = ScriptedModel::obedient(|body| play(&Asked::new(body))).await.unwrap();
        let agents = self.agents(&model, more).await;
        let (ground, cancel) = (groundwork("It is still not ready."), CancellationToken::new());
        let investigated = agents.investigate(about, ground, &self.observer, cancel).await.unwrap();
        (model.requests().into_iter().map(|request| request.body).collect(), investigated)
    }

    /// One turn of a chat: questions and answers by turns; the last is the question.
    pub(crate) async fn talk(&self, said: &[&str]) {
        let model = ScriptedModel::obedient(|body| match Asked::new(body).results().len() {
            0 => Reply::call("look", json!({"number": 1})),
            _ => Reply::say("It has a wrong image."),
        })
        .await
        .unwrap();
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        let messages = said.iter().zip(roles).map(|(text, role)| ChatMessage::new(role, *text));
        let turn = ChatTurn {
            agent: "orchestrator".to_owned(),
            messages: messages.collect(),
            about: None,
            conversation: None,
            cluster: None,
            access: Access::Everything,
            stop: Vec::new(),
            max_tokens: None,
            temperature: None,
            progress: Progress::none(),
            cancel: CancellationToken::new(),
        };
        self.agents(&model, PLAIN).await.talk(turn).await.unwrap();
    }
}

/// The plan, three turns of the specialist, the judge.
fn play(asked: &Asked<'_>) -> Reply {
    let prompt = asked.prompt();
    let first = prompt.lines().next().unwrap_or_default();
    let submit = |answer: Value| Reply::call("submit", answer);
    let cause = |seen: &[String]| {
        json!({"code": "agent.other", "object": {"kind": "Pod", "namespace": "shop", "name": "checkout-2"},
            "statement": "It ends.", "confidence": 0.8, "evidence_for": seen})
    };
    match first {
        line if line.starts_with("You lead the investigation") => {
            let question = json!({"specialist": "diagnostic", "question": "What failed first?"});
            submit(json!({"reason": "Somebody has to look.", "assignments": [question]}))
        }
        line if line.starts_with("You are a diagnostician") => match asked.results().len() {
            0 => Reply::call("look", json!({"number": 1})),
            1 => Reply::call("look", json!({"number": 2})),
            _ => {
                let seen = asked.evidence("checkout-");
                submit(json!({"summary": "This was found.", "hypotheses": [cause(&seen)]}))
            }
        },
        line if line.starts_with("You weigh") => {
            let number = |line: &str| Some(line.trim().strip_prefix("for [")?.split_once(']')?.0.to_owned());
            let seen: Vec<String> = asked.text().lines().filter_map(number).collect();
            submit(json!({"hypotheses": [cause(&seen)], "decision": "done", "reason": "That is how it is."}))
        }
        line => panic!("nobody is prompted like this: {line}"),
    }
}

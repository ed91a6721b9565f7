//! A router over a store in a temporary folder, and incidents brought into a phase.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use kubewright::agents::Sources;
use kubewright::agents::chat::{Chat, Talk};
use kubewright::agents::mcp::Desk;
use kubewright::egress::Egress;
use kubewright::http::{HttpState, router};
use kubewright::incident::{
    Action, Approval, Check, Decision, Event, Evidence, EvidenceId, EvidenceSource, Hypothesis, Incident,
    IncidentId, ObjectRef, Plan, PlannedAction, Proposer, Score, Verdict,
};
use kubewright::observe::{Observer, Snapshot};
use kubewright::recall::{Places, Recall};
use kubewright::settings::{Environment, Settings};
use kubewright::store::{Commit, Store};
use kubewright::telemetry::metrics;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::payload::crash;

/// Everything a test of the interface needs.
pub(crate) struct Stage {
    _folder: TempDir,
    pub(crate) store: Store,
    pub(crate) recall: Recall,
    pub(crate) runner: watch::Sender<bool>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) router: Router,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The status with the code of the error.
    pub(crate) fn error(&self) -> (u16, String) {
        let code = self.json().pointer("/error/code").and_then(Value::as_str).unwrap().to_owned();
        (self.status.as_u16(), code)
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with("", metrics::recorder().unwrap().handle()).await
    }

    pub(crate) async fn with_token(token: &str) -> Self {
        let mut environment = Environment::new();
        environment.insert("TOKEN".to_owned(), token.to_owned());
        let server = "[server]\ntoken = { env = \"TOKEN\" }\n";
        Self::build(server, &environment, metrics::recorder().unwrap().handle(), None).await
    }

    pub(crate) async fn with(server: &str, metrics: metrics_exporter_prometheus::PrometheusHandle) -> Self {
        Self::build(server, &Environment::new(), metrics, None).await
    }

    /// With a model that answers in chat.
    pub(crate) async fn with_talk(talk: Arc<dyn Talk>) -> Self {
        Self::build("", &Environment::new(), metrics::recorder().unwrap().handle(), Some(talk)).await
    }

    /// With a knowledge base of the built-in runbooks, searched by words.
    pub(crate) async fn with_knowledge() -> Self {
        let server = "[knowledge]\nmodel = \"none\"\n";
        let stage = Self::with(server, metrics::recorder().unwrap().handle()).await;
        let (recall, stop) = (stage.recall.clone(), stage.shutdown.clone());
        tokio::spawn(async move { recall.run(stop).await });
        stage.recall.settled().await;
        stage
    }

    async fn build(
        server: &str,
        environment: &Environment,
        metrics: metrics_exporter_prometheus::PrometheusHandle,
        talk: Option<Arc<dyn Talk>>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubewright.db");
        let text = format!(
            "{server}[store]\nurl = \"sqlite://{}\"\n[[clusters]]\nname = \"prod-eu\"\nurl = \"http://127.0.0.1:1\"\n",
            file.display()
        );
        let settings = Settings::parse(&text, "test.toml", environment).unwrap();
        let store = Store::open(&settings.store).await.unwrap();
        let egress = Egress::new(&settings.egress).unwrap();
        let knowledge = server.contains("[knowledge]").then(|| Places {
            documents: settings.knowledge.documents(egress.scrubber()),
            episodes: settings.knowledge.episodes(egress.scrubber()),
            manifest: settings.knowledge.manifest.clone(),
        });
        let recall = Recall::new(knowledge).await;
        let (runner, runner_alive) = watch::channel(true);
        let shutdown = CancellationToken::new();
        let mut observers = std::collections::BTreeMap::new();
        for cluster in &settings.clusters {
            let observer = Observer::connect(cluster, &settings.observe).await.unwrap();
            observers.insert(cluster.name.clone(), observer);
        }
        let clean = egress.for_people();
        let sources = Sources {
            observers,
            default_cluster: Some("prod-eu".to_owned()),
            rules: Arc::default(),
            recall: recall.clone(),
            store: store.clone(),
        };
        let desk = Desk::new(egress, sources.clone());
        let chat = Chat::new(sources, &settings, talk, clean);
        let tasks = TaskTracker::new();
        let state = HttpState {
            store: store.clone(),
            recall: recall.clone(),
            chat,
            desk,
            tasks: tasks.clone(),
            settings: Arc::new(settings),
            metrics,
            runner_alive,
            shutdown: shutdown.clone(),
        };
        Self { _folder: folder, store, recall, runner, shutdown, tasks, router: router(state) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_text(Method::POST, path, body.to_string()).await
    }

    pub(crate) async fn send_text(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let request =
            Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// Opens the incident of the crashing pod.
    pub(crate) async fn crash(&self) -> IncidentId {
        let answer = self.post("/api/v1/webhooks/alertmanager", &crash()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        let id = answer.json().pointer("/incidents/0").and_then(Value::as_str).unwrap().to_owned();
        IncidentId::from_text(id)
    }

    /// Plays the workflow's part: applies `events` to the incident.
    pub(crate) async fn advance(
        &self,
        id: &IncidentId,
        events: Vec<Event>,
        snapshot: Option<Snapshot>,
    ) -> Incident {
        let lease = Duration::from_secs(30);
        self.store.claim("test", Timestamp::now(), lease, 10).await.unwrap();
        let with = Commit { wake_at: None, snapshot };
        let incident = self.store.commit(id, "test", events, with).await.unwrap();
        self.store.release(id, "test", None).await.unwrap();
        incident
    }

    /// An incident whose repair waits for a person until `ttl` from now.
    pub(crate) async fn waiting(&self, ttl: SignedDuration) -> Incident {
        let id = self.crash().await;
        let now = Timestamp::now();
        let plan = plan();
        let approval = Approval {
            digest: plan.digest(),
            requested_at: now,
            expires_at: now + ttl,
            approved: None,
            answered_by: None,
            answered_at: None,
            comment: None,
        };
        let decision = Decision {
            verdict: Verdict::NeedsApproval,
            reasons: vec!["Production asks first.".to_owned()],
            policy: "p".to_owned(),
        };
        let events = vec![
            Event::Observed { objects: 12, logs: 1, readings: 2, gaps: Vec::new() },
            diagnosed(),
            Event::Planned { plan: Box::new(plan) },
            Event::Decided { decision },
            Event::ApprovalRequested { approval },
        ];
        self.advance(&id, events, None).await
    }
}

fn checkout() -> ObjectRef {
    ObjectRef::new("Deployment", "shop", "checkout")
}

fn diagnosed() -> Event {
    let evidence = Evidence {
        id: EvidenceId(1),
        source: EvidenceSource::Object,
        code: "pod.container.crash_loop".to_owned(),
        object: ObjectRef::new("Pod", "shop", "checkout-7d9f8b6c5-abcde"),
        statement: "Container app has restarted 7 times.".to_owned(),
        strength: Score::new(0.9),
        at: "2026-11-21T03:29:47Z".parse().unwrap(),
        fields: std::collections::BTreeMap::new(),
    };
    let hypothesis = Hypothesis {
        code: "deploy.crash_loop".to_owned(),
        object: checkout(),
        statement: "Revision 5 crashes since it was rolled out.".to_owned(),
        confidence: Score::new(0.9),
        evidence_for: vec![EvidenceId(1)],
        evidence_against: Vec::new(),
        proposer: Proposer::Rule("bad_deploy".to_owned()),
        runbook: None,
        playbook: None,
    };
    Event::Diagnosed { evidence: vec![evidence], hypotheses: vec![hypothesis] }
}

fn plan() -> Plan {
    Plan {
        agent: None,
        from_chat: false,
        hypothesis: "deploy.crash_loop".to_owned(),
        rationale: "Revision 4 ran without restarts.".to_owned(),
        actions: vec![PlannedAction {
            action: Action::RollBack { workload: checkout(), to_revision: 4 },
            target_uid: "u-1".to_owned(),
            target_generation: Some(5),
            diff: "-image: shop:2\n+image: shop:1\n".to_owned(),
            undo: "roll forward to revision 5".to_owned(),
            pods_affected: 3,
        }],
        checks: vec![Check::RolloutComplete { workload: checkout() }],
    }
}

//! From raw sections to [`Settings`]: defaults, ranges, and what does not go together.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::load::Sections;
use super::secret::SecretRef;
use super::{
    AgentsSettings, AutomationSettings, ClusterApi, ClusterSettings, DiagnosisSettings, EgressSettings,
    Endpoint, Environment, FreezeWindow, IntakeSettings, KnowledgeSettings, ObserveSettings, Problems,
    ServerSettings, Settings, StoreSettings, VerifySettings, WatchSettings, duration, raw,
};

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
const DEFAULT_STORE: &str = "sqlite://kubewright.db";
/// Namespaces that only people should change, unless the file says otherwise.
const DEFAULT_PROTECTED: [&str; 2] = ["kube-*", "kubewright"];

/// Builds the settings; `None` or added problems mean that they cannot be used.
pub(super) fn settings(
    sections: Sections,
    file: &str,
    environment: &Environment,
    problems: &mut Problems,
) -> Option<Settings> {
    let mut check = Validator { file, environment, problems };
    let clusters = check.clusters(sections.clusters);
    let server = check.server(&sections.server);
    let beside = store_url(&sections.store).map(str::to_owned);
    let store = check.store(sections.store);
    let intake = check.intake(&sections.intake);
    let observe = check.observe(&sections.observe);
    let automation = check.automation(sections.automation);
    let verify = check.verify(&sections.verify);
    let egress = check.egress(sections.egress);
    let knowledge = check.knowledge(sections.knowledge, beside.as_deref());
    let agents = check.agents(sections.agents);
    Some(Settings {
        server: server?,
        store: store?,
        intake,
        observe,
        diagnosis: DiagnosisSettings { rules: sections.diagnosis.rules },
        automation,
        verify,
        egress,
        knowledge,
        agents,
        clusters,
    })
}

/// The parts of the settings that the commands on the knowledge base need.
pub(super) fn knowledge(
    raw: raw::Knowledge,
    store: &raw::Store,
    egress: raw::Egress,
    file: &str,
    environment: &Environment,
    problems: &mut Problems,
) -> (KnowledgeSettings, EgressSettings) {
    let mut check = Validator { file, environment, problems };
    let egress = check.egress(egress);
    (check.knowledge(raw, store_url(store)), egress)
}

pub(super) fn agents(
    raw: raw::Agents,
    file: &str,
    environment: &Environment,
    problems: &mut Problems,
) -> AgentsSettings {
    Validator { file, environment, problems }.agents(raw)
}

/// The store's URL, where the file holds it and not only where to find it.
fn store_url(raw: &raw::Store) -> Option<&str> {
    match (&raw.url, &raw.url_from) {
        (Some(url), _) => Some(url),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_STORE),
    }
}

pub(super) struct Validator<'a> {
    pub(super) file: &'a str,
    pub(super) environment: &'a Environment,
    pub(super) problems: &'a mut Problems,
}

impl Validator<'_> {
    pub(super) fn add(&mut self, key: &str, message: impl Into<String>) {
        self.problems.add(format!("{}: {key}", self.file), message);
    }

    /// Whether something is wrong with this key or below it already.
    pub(super) fn concerned(&self, key: &str) -> bool {
        self.problems.concern(&format!("{}: {key}", self.file))
    }

    fn server(&mut self, raw: &raw::Server) -> Option<ServerSettings> {
        let text = raw.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
        let token = raw.token.as_ref().and_then(|token| self.secret("server.token", token));
        let external_url = raw.external_url.as_ref().and_then(|url| self.url("server.external_url", url));
        let Ok(listen) = text.parse::<SocketAddr>() else {
            self.add(
                "server.listen",
                format!("\"{text}\" is not an address; write it like \"{DEFAULT_LISTEN}\""),
            );
            return None;
        };
        if raw.token.is_none() && !listen.ip().is_loopback() {
            self.add(
                "server.listen",
                format!(
                    "{listen} can be reached from other machines, and no server.token is set: anybody could approve \
                     repairs. Set server.token = {{ file = \"…\" }} or listen on 127.0.0.1"
                ),
            );
        }
        Some(ServerSettings { listen, token, external_url })
    }

    fn store(&mut self, raw: raw::Store) -> Option<StoreSettings> {
        let url = match (raw.url, raw.url_from) {
            (Some(_), Some(_)) => {
                self.add("store", "set either url or url_from");
                return None;
            }
            (None, Some(reference)) => self.secret("store.url_from", &reference)?,
            (url, None) => SecretString::from(url.unwrap_or_else(|| DEFAULT_STORE.to_owned())),
        };
        let scheme = secrecy::ExposeSecret::expose_secret(&url).split(':').next().unwrap_or_default();
        if !matches!(scheme, "sqlite" | "postgres" | "postgresql") {
            self.add("store.url", "must begin with sqlite:// or postgres://");
        }
        Some(StoreSettings { url })
    }

    fn intake(&mut self, raw: &raw::Intake) -> IntakeSettings {
        IntakeSettings {
            correlation_window: self.duration(
                "intake.correlation_window",
                raw.correlation_window.as_ref(),
                600_000,
            ),
            max_body_bytes: self.size("intake.max_body_bytes", raw.max_body_bytes, 8 * 1024 * 1024),
        }
    }

    fn observe(&mut self, raw: &raw::Observe) -> ObserveSettings {
        let usual = ObserveSettings::default();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        ObserveSettings {
            collector_deadline: self.duration(
                "observe.collector_deadline",
                raw.collector_deadline.as_ref(),
                millis(usual.collector_deadline),
            ),
            max_log_bytes: self.size("observe.max_log_bytes", raw.max_log_bytes, usual.max_log_bytes),
            max_log_containers: self.size(
                "observe.max_log_containers",
                raw.max_log_containers,
                usual.max_log_containers,
            ),
            max_objects_per_kind: self.size(
                "observe.max_objects_per_kind",
                raw.max_objects_per_kind,
                usual.max_objects_per_kind,
            ),
            change_window: self.duration(
                "observe.change_window",
                raw.change_window.as_ref(),
                millis(usual.change_window),
            ),
            watch: self.watch(&raw.watch),
        }
    }

    fn watch(&mut self, raw: &raw::Watch) -> WatchSettings {
        let usual = WatchSettings::default();
        let fits = |name: &str| {
            let inner =
                |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            !name.is_empty() && name.len() <= 63 && name.chars().all(inner)
        };
        for name in raw.namespaces.iter().filter(|name| !fits(name)) {
            self.add("observe.watch.namespaces", format!("\"{name}\" is no name of a namespace"));
        }
        WatchSettings {
            enabled: raw.enabled.unwrap_or(usual.enabled),
            namespaces: raw.namespaces.clone(),
            max_objects: self.size("observe.watch.max_objects", raw.max_objects, usual.max_objects),
            max_bytes: self.size("observe.watch.max_bytes", raw.max_bytes, usual.max_bytes),
        }
    }

    fn automation(&mut self, raw: raw::Automation) -> AutomationSettings {
        let level = raw.level.unwrap_or(1);
        if level > 3 {
            self.add("automation.level", format!("{level} is not a level; use 0, 1, 2 or 3"));
        }
        if let Some(path) = raw.policy.as_ref().filter(|path| !path.is_file()) {
            self.add("automation.policy", format!("{} is not a file", path.display()));
        }
        let freeze_windows = raw
            .freeze_windows
            .iter()
            .enumerate()
            .filter_map(|(index, window)| self.freeze_window(index, window))
            .collect();
        let protected = || DEFAULT_PROTECTED.map(str::to_owned).to_vec();
        AutomationSettings {
            level,
            protected_namespaces: raw.protected_namespaces.unwrap_or_else(protected),
            freeze_windows,
            approval_ttl: self.duration("automation.approval_ttl", raw.approval_ttl.as_ref(), 3_600_000),
            policy: raw.policy,
        }
    }

    fn freeze_window(&mut self, index: usize, raw: &raw::FreezeWindow) -> Option<FreezeWindow> {
        let key = format!("automation.freeze_windows[{index}]");
        let (Ok(from), Ok(until)) = (raw.from.parse::<Timestamp>(), raw.until.parse::<Timestamp>()) else {
            self.add(&key, "from and until are times like \"2026-12-24T00:00:00Z\"");
            return None;
        };
        if until <= from {
            self.add(&key, "until must be after from");
        }
        Some(FreezeWindow { reason: raw.reason.clone(), from, until })
    }

    fn verify(&mut self, raw: &raw::Verify) -> VerifySettings {
        let settings = VerifySettings {
            stability_window: self.duration(
                "verify.stability_window",
                raw.stability_window.as_ref(),
                120_000,
            ),
            deadline: self.duration("verify.deadline", raw.deadline.as_ref(), 600_000),
            poll_interval: self.duration("verify.poll_interval", raw.poll_interval.as_ref(), 5_000),
        };
        if settings.deadline <= settings.stability_window {
            self.add(
                "verify.deadline",
                "must be longer than verify.stability_window, or nothing ever passes",
            );
        }
        settings
    }

    fn clusters(&mut self, raw: Vec<raw::Cluster>) -> Vec<ClusterSettings> {
        if raw.is_empty() && !self.concerned("clusters") {
            self.add(
                "clusters",
                "name at least one cluster: [[clusters]] with a name and kubeconfig, in_cluster or url",
            );
        }
        let mut clusters: Vec<ClusterSettings> = Vec::new();
        for (index, cluster) in raw.into_iter().enumerate() {
            let key = format!("clusters[{index}]");
            if clusters.iter().any(|known| known.name == cluster.name) {
                self.add(&key, format!("a second cluster is named \"{}\"", cluster.name));
            }
            clusters.extend(self.cluster(&key, cluster));
        }
        clusters
    }

    fn cluster(&mut self, key: &str, raw: raw::Cluster) -> Option<ClusterSettings> {
        let api = self.api(key, &raw);
        let prometheus =
            raw.prometheus.map(|endpoint| self.endpoint(&format!("{key}.prometheus"), &endpoint));
        let loki = raw.loki.map(|endpoint| self.endpoint(&format!("{key}.loki"), &endpoint));
        Some(ClusterSettings {
            name: raw.name,
            api: api?,
            environment: raw.environment.unwrap_or_else(|| "production".to_owned()),
            prometheus: prometheus.flatten(),
            loki: loki.flatten(),
        })
    }

    fn api(&mut self, key: &str, raw: &raw::Cluster) -> Option<ClusterApi> {
        let by_file = raw.kubeconfig.is_some() || raw.context.is_some();
        match (by_file, raw.in_cluster, &raw.url) {
            (_, false, None) => {
                Some(ClusterApi::Kubeconfig { path: raw.kubeconfig.clone(), context: raw.context.clone() })
            }
            (false, true, None) => Some(ClusterApi::InCluster),
            (false, false, Some(url)) => self.url(&format!("{key}.url"), url).map(ClusterApi::Url),
            _ => {
                self.add(key, "use one of kubeconfig/context, in_cluster = true, or url");
                None
            }
        }
    }

    fn endpoint(&mut self, key: &str, raw: &raw::Endpoint) -> Option<Endpoint> {
        let token = raw.bearer_token.as_ref();
        let bearer_token = token.and_then(|token| self.secret(&format!("{key}.bearer_token"), token));
        let headers = raw
            .headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.clone(), self.secret(&format!("{key}.headers.{name}"), value)?))
            })
            .collect();
        Some(Endpoint { url: self.url(&format!("{key}.url"), &raw.url)?, bearer_token, headers })
    }

    pub(super) fn url(&mut self, key: &str, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if url.is_none() {
            // What was meant as a URL may hold a password.
            self.add(key, "is not an http(s) URL; write it like \"http://host:9090\"");
        }
        url
    }

    pub(super) fn secret(&mut self, key: &str, reference: &SecretRef) -> Option<SecretString> {
        reference.resolve(self.environment, &format!("{}: {key}", self.file), self.problems)
    }

    pub(super) fn duration(&mut self, key: &str, text: Option<&String>, default_ms: u64) -> Duration {
        let default = Duration::from_millis(default_ms);
        text.map_or(Ok(default), |text| duration::parse(text)).unwrap_or_else(|message| {
            self.add(key, message);
            default
        })
    }

    fn size(&mut self, key: &str, value: Option<usize>, default: usize) -> usize {
        if value == Some(0) {
            self.add(key, "must be more than 0");
        }
        value.unwrap_or(default)
    }
}

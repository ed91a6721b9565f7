//! What containers wrote to their standard output, by restart; kubelets write here, the `log` subresource and Loki
//! read.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;

/// Lines kept of one container instance; the oldest rotate away.
const LINES: usize = 20_000;
/// Container instances kept of one container: the running one and one before it, as a kubelet does, and a spare.
const INSTANCES: usize = 3;
/// Lines a follower may lag behind before it loses some.
const CHANNEL: usize = 4_096;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The text, without a line end.
    pub text: String,
}

/// Whose output it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogSource {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
}

/// A line just appended.
#[derive(Debug, Clone)]
pub struct Appended {
    /// Whose line it is.
    pub source: LogSource,
    /// Which start of the container wrote it; the first is 0.
    pub restart: u32,
    /// The line.
    pub line: LogLine,
}

struct Instance {
    restart: u32,
    lines: VecDeque<LogLine>,
}

/// A shared handle on all logs of a cluster.
#[derive(Clone)]
pub struct LogBook {
    logs: Arc<Mutex<HashMap<LogSource, VecDeque<Instance>>>>,
    appended: broadcast::Sender<Appended>,
}

impl std::fmt::Debug for LogBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogBook").field("containers", &self.logs().len()).finish()
    }
}

impl Default for LogBook {
    fn default() -> Self {
        Self::new()
    }
}

impl LogBook {
    /// An empty book.
    pub fn new() -> Self {
        Self { logs: Arc::default(), appended: broadcast::channel(CHANNEL).0 }
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<LogSource, VecDeque<Instance>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one line of one start of a container.
    pub fn append(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        restart: u32,
        at: Timestamp,
        text: impl Into<String>,
    ) {
        let source = LogSource {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
        };
        let line = LogLine { at, text: text.into() };
        let mut logs = self.logs();
        let instances = logs.entry(source.clone()).or_default();
        push(instances, restart, line.clone());
        // Nobody following is no failure.
        let _ = self.appended.send(Appended { source, restart, line });
    }

    /// The lines of one start of a container, oldest first; none when nothing is kept of it.
    pub fn read(&self, namespace: &str, pod: &str, container: &str, restart: u32) -> Option<Vec<LogLine>> {
        let source = LogSource {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
        };
        let logs = self.logs();
        let instance = logs.get(&source)?.iter().find(|instance| instance.restart == restart)?;
        Some(instance.lines.iter().cloned().collect())
    }

    /// The lines so far and a receiver for all that follow, with no gap between them.
    pub fn read_and_follow(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        restart: u32,
    ) -> (Vec<LogLine>, broadcast::Receiver<Appended>) {
        let source = LogSource {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
        };
        let logs = self.logs();
        let instance =
            logs.get(&source).and_then(|all| all.iter().find(|instance| instance.restart == restart));
        let lines = instance.map(|instance| instance.lines.iter().cloned().collect()).unwrap_or_default();
        (lines, self.appended.subscribe())
    }

    /// Every container whose source is wanted, with the lines of all its starts, oldest first.
    pub fn search(&self, wanted: impl Fn(&LogSource) -> bool) -> Vec<(LogSource, Vec<LogLine>)> {
        let logs = self.logs();
        let matching = logs.iter().filter(|(source, _)| wanted(source));
        let lines =
            |instances: &VecDeque<Instance>| instances.iter().flat_map(|i| i.lines.iter().cloned()).collect();
        matching.map(|(source, instances)| (source.clone(), lines(instances))).collect()
    }

    /// Every line from now on, of all containers.
    pub fn subscribe(&self) -> broadcast::Receiver<Appended> {
        self.appended.subscribe()
    }

    /// Forgets a pod that is gone.
    pub fn forget_pod(&self, namespace: &str, pod: &str) {
        self.logs().retain(|source, _| source.namespace != namespace || source.pod != pod);
    }
}

fn push(instances: &mut VecDeque<Instance>, restart: u32, line: LogLine) {
    if let Some(instance) = instances.iter_mut().find(|instance| instance.restart == restart) {
        if instance.lines.len() == LINES {
            instance.lines.pop_front();
        }
        instance.lines.push_back(line);
        return;
    }
    instances.push_back(Instance { restart, lines: VecDeque::from([line]) });
    if instances.len() > INSTANCES {
        instances.pop_front();
    }
}

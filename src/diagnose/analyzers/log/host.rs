//! Which dependency a log line is about.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// Where drivers and clients write the host, most reliable first.
static SPELLINGS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let spellings = [
        r#"[a-z][a-z0-9+.-]*://(?:[^\s@/"']*@)?([A-Za-z0-9.-]+)"#,
        r#"(?i)\bhost(?:name)?\s*[=:]\s*["']?([A-Za-z0-9.-]+)"#,
        r#"(?i)(?:server at|translate host name|host|hostname) ["']([A-Za-z0-9.-]+)["']"#,
        r"\b([a-z0-9-]+(?:\.[a-z0-9-]+)+\.svc(?:\.[a-z0-9.-]+)?)\b",
        r"\blookup ([A-Za-z0-9.-]+)",
        r"(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:) ([A-Za-z0-9.-]+)",
        r"(?:dial tcp|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|connect to|connecting to|to) ([A-Za-z0-9.-]+):\d+",
        r"\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b",
        r"\b([A-Za-z][A-Za-z0-9.-]*):\d{2,5}\b",
    ];
    spellings.into_iter().filter_map(|spelling| Regex::new(spelling).ok()).collect()
});

/// The ports by which drivers that name no host are told apart.
const DRIVERS: [(&str, i32); 6] = [
    ("password authentication failed for user", 5432),
    ("remaining connection slots", 5432),
    ("too many clients already", 5432),
    ("access denied for user", 3306),
    ("wrongpass", 6379),
    ("noauth", 6379),
];

/// The host and the Service that a complaint of `source` is about. `None` where it is about the source itself: a database
/// that logs a refused login complains about its callers, not about a dependency.
pub(super) fn named(
    index: &Index<'_>,
    source: &ObjectRef,
    line: &str,
) -> Option<(Option<String>, Option<ObjectRef>)> {
    let workload = index.workload_of(source);
    let mut hosts = SPELLINGS.iter().flat_map(|spelling| spelling.captures_iter(line));
    let mut first = None;
    for host in hosts.by_ref().filter_map(|found| found.get(1)) {
        let host = host.as_str().trim_end_matches('.');
        if let Some(service) = resolve(index, host, &source.namespace) {
            let own = service == workload || index.behind(&service).contains(&workload);
            return (!own).then(|| (Some(host.to_owned()), Some(service)));
        }
        first = first.or_else(|| is_external(host).then(|| host.to_owned()));
    }
    let guessed = by_words(index, &workload, line).or_else(|| by_driver(index, &workload, line));
    match (guessed, first) {
        (Some(service), _) => Some((Some(service.name.clone()), Some(service))),
        (None, Some(host)) => {
            let dependency = ObjectRef::cluster_wide("ExternalHost", &host);
            Some((Some(host), Some(dependency)))
        }
        (None, None) => Some((None, None)),
    }
}

fn resolve(index: &Index<'_>, host: &str, namespace: &str) -> Option<ObjectRef> {
    let pod = || index.pod_at(host).map(|pod| index.workload_of(pod));
    index.service_named(host, namespace).or_else(pod)
}

/// A name outside the cluster: it has a dot, and is neither an address nor loopback.
fn is_external(host: &str) -> bool {
    let letters = host.contains(|letter: char| letter.is_ascii_alphabetic());
    let file = [".go", ".py", ".js", ".java", ".ts", ".rb", ".rs"].iter().any(|end| host.ends_with(end));
    host.contains('.') && letters && !file && !host.starts_with("127.") && host != "localhost"
}

/// A Service that the workload calls by its configuration and whose name stands in the line as a word.
fn by_words(index: &Index<'_>, workload: &ObjectRef, line: &str) -> Option<ObjectRef> {
    let words = line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
    let called = index.called_by(workload);
    words
        .filter(|word| word.len() > 1)
        .find_map(|word| called.iter().find(|service| service.name == word).cloned())
}

/// The one Service called by configuration that has the port of the driver whose words these are.
fn by_driver(index: &Index<'_>, workload: &ObjectRef, line: &str) -> Option<ObjectRef> {
    let line = line.to_ascii_lowercase();
    let (_, port) = DRIVERS.iter().find(|(words, _)| line.contains(words))?;
    let has_port = |service: &&ObjectRef| {
        let spec = index.service(service).and_then(|service| service.spec.as_ref());
        spec.is_some_and(|spec| spec.ports.iter().flatten().any(|found| found.port == *port))
    };
    let called = index.called_by(workload);
    let mut fitting = called.iter().filter(has_port);
    let only = fitting.next().filter(|_| fitting.next().is_none());
    only.or_else(|| called.iter().next().filter(|_| called.len() == 1)).cloned()
}

//! One log line that complains about something else.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::host;
use crate::diagnose::codes::{self, Code};
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;

/// What a line says about a dependency.
pub(super) struct Complaint {
    /// What kind of trouble.
    pub(super) code: Code,
    /// The Service (or service account, for the Kubernetes API) that it is about, where that can be told.
    pub(super) dependency: Option<ObjectRef>,
    /// The host as the line spells it.
    pub(super) host: Option<String>,
    /// The line.
    pub(super) line: String,
}

/// From the most to the least telling: the first that matches names the complaint.
const SHAPES: [(Code, &str); 8] = [
    (codes::LOG_FORBIDDEN, r#"User "system:serviceaccount:[^"]+" cannot \w+ resource"#),
    (
        codes::LOG_AUTHENTICATION,
        r#"(?i)password authentication failed|authentication failed|auth(?:entication)? error|access denied for user|WRONGPASS|NOAUTH|invalid (?:username|user name|credentials|password)|login failed for|SASL.{0,40}(?:fail|error)|role "[^"]+" does not exist|\b401 unauthorized"#,
    ),
    (
        codes::LOG_TOO_MANY,
        r"(?i)too many (?:connections|clients)|remaining connection slots|max_connections|connection pool (?:is )?(?:exhausted|timeout)|max number of clients reached",
    ),
    (
        codes::LOG_DNS,
        r"(?i)no such host|ENOTFOUND|EAI_AGAIN|name or service not known|temporary failure in name resolution|nodename nor servname|UnknownHostException|could not translate host name|server misbehaving",
    ),
    (
        codes::LOG_TLS,
        r"(?i)x509:|certificate (?:has expired|verify failed|signed by unknown)|tls: (?:failed|handshake|bad)|CERTIFICATE_VERIFY_FAILED|PKIX path|SSLHandshakeException|CERT_HAS_EXPIRED",
    ),
    (
        codes::LOG_REFUSED,
        r"(?i)connection refused|ECONNREFUSED|connect call failed|failed to establish a new connection|connection reset by peer|ECONNRESET|no route to host|EHOSTUNREACH",
    ),
    (
        codes::LOG_TIMEOUT,
        r"(?i)(?:connection|connect|dial|i/o|read|operation|request)[ _-]?(?:timeout|timed out)|ETIMEDOUT|context deadline exceeded|timeout (?:of \d+ms )?exceeded|SocketTimeoutException|upstream timed out",
    ),
    (
        codes::LOG_UPSTREAM,
        r#"(?i)\b50[0234]\b.{0,80}(?:request for|from|for url|upstream|calling|calls?) .{0,10}http|(?:request|call|get|post)\b.{0,80}https?://\S+.{0,40}\b50[0234]\b|(?:bad gateway|service unavailable).{0,80}https?://|upstream (?:returned|responded|sent).{0,20}50[0234]"#,
    ),
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| RegexSet::new(SHAPES.iter().map(|(_, pattern)| *pattern)).ok());
static ACCOUNT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"User "system:serviceaccount:([^:"]+):([^"]+)""#).ok());

impl Complaint {
    /// Reads a line of a source; `None` for lines that complain about nothing.
    pub(super) fn read(index: &Index<'_>, source: &ObjectRef, line: &str) -> Option<Self> {
        // A message inside a JSON line has its quotes escaped.
        let line = line.trim().replace("\\\"", "\"");
        let first = SET.as_ref()?.matches(&line).into_iter().next()?;
        let (code, _) = SHAPES.get(first)?;
        if *code == codes::LOG_FORBIDDEN {
            return Some(Self { code: *code, dependency: account(&line), host: None, line });
        }
        let (host, dependency) = host::named(index, source, &line)?;
        Some(Self { code: *code, dependency, host, line })
    }
}

fn account(line: &str) -> Option<ObjectRef> {
    let found = ACCOUNT.as_ref()?.captures(line)?;
    Some(ObjectRef::new("ServiceAccount", found.get(1)?.as_str(), found.get(2)?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{SET, SHAPES};

    #[test]
    fn the_sentences_of_common_drivers_are_told_apart() {
        let cases = [
            ("dial tcp 10.0.0.1:5432: connect: connection refused", "log.dependency.connection_refused"),
            ("Error: connect ECONNREFUSED 10.0.0.1:80", "log.dependency.connection_refused"),
            ("dial tcp: lookup db on 10.0.0.10:53: no such host", "log.dependency.name_not_found"),
            ("java.net.UnknownHostException: db", "log.dependency.name_not_found"),
            ("FATAL: password authentication failed for user \"app\"", "log.dependency.authentication"),
            ("Access denied for user 'app'@'10.0.0.1'", "log.dependency.authentication"),
            ("(error) WRONGPASS invalid username-password pair", "log.dependency.authentication"),
            ("FATAL: sorry, too many clients already", "log.dependency.too_many_connections"),
            ("port 5432 failed: Connection timed out", "log.dependency.timeout"),
            ("x509: certificate has expired or is not yet valid", "log.dependency.tls"),
            ("500 : [no body] on GET request for \"http://b:80/\"", "log.dependency.server_error"),
            (
                "configmaps is forbidden: User \"system:serviceaccount:a:b\" cannot list resource",
                "log.api.forbidden",
            ),
        ];
        for (line, expected) in cases {
            let first = SET.as_ref().unwrap().matches(line).into_iter().next().unwrap();
            assert_eq!(SHAPES[first].0.name, expected, "{line}");
        }
    }

    #[test]
    fn ordinary_lines_are_no_complaint() {
        let lines =
            ["request handled status=200 duration_ms=16", "timeout set to 30s", "connected to db", ""];
        for line in lines {
            assert!(!SET.as_ref().unwrap().is_match(line), "{line}");
        }
    }
}

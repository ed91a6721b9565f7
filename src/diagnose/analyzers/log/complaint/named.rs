//! The hosts and ports that a line names, and which software its words are of. Pure.

use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

/// Most hosts of one line.
const MAX_HOSTS: usize = 16;

/// A host that a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Place {
    /// As the line spells it: a name or an address.
    pub(in super::super) host: String,
    pub(in super::super) port: Option<u16>,
}

/// Where clients and drivers write host and port, most reliable first. `H` and `P` stand for the two.
const SPELLINGS: &[&str] = &[
    // A URL, as clients, nginx (`upstream: "http://…"`) and JDBC write it.
    r#"[a-z][a-z0-9+.-]*://(?:[^\s@/"']*@)?(H)(?::(P))?"#,
    // urllib3: `host='shop', port=80`; many others: `host=shop port=80`.
    r#"(?i)\bhost(?:name)?\s*[=:]\s*["']?(H)(?:["']?,? ?port ?[=:] ?(P))?"#,
    // libpq: `connection to server at "db" (10.0.0.1), port 5432`, `host "db" (10.0.0.1) and … on port 5432`.
    r#"(?i)(?:server at|translate host name|resolve(?: host:?)?|\bhost|hostname|mysql server on|mysql server host|not found in upstream) ["'](H)(?::(P))?["'](?: \([^)]*\))?(?:.{0,45}? port (P))?"#,
    // SQL Server: `to the host db, port 1433`; curl: `connect to shop port 80`.
    r"(?i)(?:to the host|connect to) (H),? port (P)",
    r"(?i)could not resolve host: (H)",
    // IBM MQ: `Host name 'shop(1414)'`.
    r"(?i)host name '(H)\((P)\)'",
    // Spring Cloud: `Unable to find instance for shop`, `No servers available for service: shop`.
    r"(?i)(?:unable to find instance for|(?:servers|instances) available for(?: service:?)?|an instance for the service) (H)",
    r"\b(H) could not be resolved",
    // Envoy: `outbound|80||shop.ns.svc.cluster.local`.
    r"outbound\|(?P<first>P)\|[^|]*\|(H)",
    r"\b([a-z0-9-]+(?:\.[a-z0-9-]+)+\.svc(?:\.[a-z0-9.-]+)?)\b(?::(P))?",
    // PgBouncer.
    r"DNS lookup failed: (H)",
    r"\blookup (H)",
    r"getaddrinfo for (H) failed",
    r"(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:) (H)(?::(P))?",
    // Ruby: `for "shop" port 80`; asyncio: `Connect call failed ('10.0.0.1', 5432)`.
    r#"for "(H)" port (P)"#,
    r"\('(H)', (P)\)",
    // Kafka: `(broker/10.0.0.1:9092)`, `broker:9092/bootstrap`, `ipv4#10.0.0.1:9092`; .NET: `(shop:80)`.
    r"\((H)/[0-9.]*:(P)\)",
    r"\((H):(P)\)",
    r"\b(H):(P)/bootstrap",
    r"\bipv[46][:#](H):(P)",
    r"(?:dial tcp|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EHOSTUNREACH|connect to|connecting to|server|node|broker|to|from) \[?(H):(P)",
    r"\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b(?::(P))?",
    r"\b([A-Za-z][A-Za-z0-9.-]*):(\d{2,5})\b",
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let spelled = SPELLINGS.iter().map(|spelling| {
        let spelling = spelling
            .replace("(H)", r"([A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)")
            .replace("(?P<first>P)", r"(\d{1,5})");
        let spelling =
            spelling.replace("(P)", r"(\d{1,5})").replace(r"\d", "[0-9]").replace(r"\b", r"(?-u:\b)");
        Regex::new(&spelling)
    });
    spelled.filter_map(Result::ok).collect()
});

/// The name server that was asked (`lookup db on 10.0.0.10:53`) and the near end of a connection
/// (`10.0.0.2:41000->10.0.0.1:80`) are not what is complained about.
static ASIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"( on [0-9A-Fa-f.:\[\]]+:53\b)|(\b[0-9.]+:[0-9]+->)|(, client: [0-9A-Fa-f.:]+)|(, server: [^,"]*,)|(, host: "[^"]*")|(\[client [0-9A-Fa-f.:]+\])"#,
    )
    .ok()
});

/// The hosts that a line names, most reliable first.
pub(in super::super) fn places(line: &str) -> Vec<Place> {
    let line = ASIDE.as_ref().map_or(line.into(), |aside| aside.replace_all(line, " "));
    let mut found: Vec<Place> = Vec::new();
    for spelling in COMPILED.iter() {
        for captures in spelling.captures_iter(&line) {
            if let Some(place) = place(&captures) {
                add(&mut found, place);
            }
        }
    }
    found
}

fn add(found: &mut Vec<Place>, place: Place) {
    if let Some(known) = found.iter_mut().find(|known| known.host == place.host) {
        known.port = known.port.or(place.port);
    } else if found.len() < MAX_HOSTS {
        found.push(place);
    }
}

/// The host is the first group that is not a mere number, the port the first that is.
fn place(captures: &Captures<'_>) -> Option<Place> {
    let groups = || captures.iter().skip(1).flatten().map(|group| group.as_str());
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let host = groups().find(|group| !is_number(group))?.trim_end_matches('.');
    let port = groups().filter(is_number).find_map(|port| port.parse().ok().filter(|port| *port > 0));
    (!host.is_empty()).then(|| Place { host: host.to_owned(), port })
}

/// Words by which software is told where a line names no host, and the ports that it usually listens on.
const SOFTWARE: &[(&str, &[u16])] = &[
    (
        r"password authentication failed for user|remaining connection slots|too many clients already|postgres|psycopg|\bpq: |\bpgx|PSQLException|Npgsql|asyncpg|no pg_hba|database system is",
        &[5432],
    ),
    (
        r"access denied for user '|mysql|mariadb|ER_ACCESS_DENIED|Communications link failure|ERROR [0-9]{4} \(HY000\)|SQLSTATE\[HY000\] \[(?:1[0-9]{3}|20[0-9]{2})\]",
        &[3306],
    ),
    (r"mongo", &[27017]),
    (
        r"wrongpass|noauth|READONLY You can|OOM command not allowed|redis|jedis|lettuce|MISCONF|MASTERDOWN|CLUSTERDOWN",
        &[6379],
    ),
    (
        r"kafka|bootstrap\.servers|NotEnoughReplicas|NOT_ENOUGH_REPLICAS|NoBrokersAvailable|brokers? (?:transport|not available|are down)",
        &[9092, 9093],
    ),
    (r"amqp|rabbit|ACCESS[_-]REFUSED|connection\.blocked|publish(?:ing)? to exchange", &[5672, 5671]),
    (
        r"elasticsearch|opensearch|cluster_block_exception|index_not_found_exception|security_exception",
        &[9200],
    ),
    (r"memcache", &[11211]),
    (r"\bnats\b", &[4222]),
    (r"cassandra|NoHostAvailable", &[9042]),
    (r"login failed for user '|SqlClient|mssql", &[1433]),
    (r"zookeeper|ClientCnxn", &[2181]),
    (r"\betcd", &[2379]),
    (r"\bldap", &[389, 636]),
    (r"\bsmtp", &[25, 465, 587]),
];

static WORDS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new(SOFTWARE.iter().map(|(words, _)| format!("(?i){}", words.replace(r"\b", r"(?-u:\b)")))).ok()
});

/// The ports of the software whose words a line has, most likely first; empty where none is recognised.
pub(in super::super) fn usual_ports(line: &str) -> Vec<u16> {
    let matches = WORDS.as_ref().map(|words| words.matches(line)).into_iter().flatten();
    matches.filter_map(|index| SOFTWARE.get(index)).flat_map(|(_, ports)| ports.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::{COMPILED, SPELLINGS, WORDS, places, usual_ports};

    #[test]
    fn every_spelling_compiles() {
        assert_eq!(COMPILED.len(), SPELLINGS.len());
        assert!(WORDS.is_some());
    }

    const CASES: &[(&str, &str, Option<u16>)] = &[
        (
            "Get \"http://cart.shop:8080/items\": dial tcp 10.0.0.1:8080: connect: connection refused",
            "cart.shop",
            Some(8080),
        ),
        ("dial tcp: lookup db on 10.96.0.10:53: no such host", "db", None),
        ("read tcp 10.0.0.2:41000->10.0.0.1:80: connection reset by peer", "10.0.0.1", Some(80)),
        ("HTTPConnectionPool(host='cart', port=80): Max retries exceeded with url: /", "cart", Some(80)),
        ("connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused", "db", Some(5432)),
        (
            "Is the server running on host \"db\" (10.0.0.1) and accepting TCP/IP connections on port 5432?",
            "db",
            Some(5432),
        ),
        ("could not translate host name \"db\" to address", "db", None),
        ("Connection to db:5432 refused. Check that", "db", Some(5432)),
        ("Connect to cart:8080 [cart/10.0.0.1] failed: Connection refused", "cart", Some(8080)),
        ("java.net.UnknownHostException: cart: Name or service not known", "cart", None),
        ("I/O error on GET request for \"http://cart/items\": cart", "cart", None),
        ("jdbc:postgresql://db.shop.svc:5432/app refused", "db.shop.svc", Some(5432)),
        ("postgres://app:secret@db:5432/app", "db", Some(5432)),
        ("Error: connect ECONNREFUSED 10.0.0.1:6379", "10.0.0.1", Some(6379)),
        ("Error: getaddrinfo ENOTFOUND cart", "cart", None),
        ("Error 111 connecting to cache:6379. Connection refused.", "cache", Some(6379)),
        ("Can't connect to MySQL server on 'db:3306' (111)", "db", Some(3306)),
        ("Unknown MySQL server host 'db' (-2)", "db", None),
        (
            "Failed to open TCP connection to cart:80 (Connection refused - connect(2) for \"cart\" port 80)",
            "cart",
            Some(80),
        ),
        ("Failed to connect to cart port 80: Connection refused", "cart", Some(80)),
        ("cURL error 6: Could not resolve host: cart", "cart", None),
        ("Connection refused (cart:80)", "cart", Some(80)),
        ("Connection to node -1 (kafka/10.0.0.1:9092) could not be established.", "kafka", Some(9092)),
        ("kafka:9092/bootstrap: Connect to ipv4#10.0.0.1:9092 failed", "kafka", Some(9092)),
        ("Connect call failed ('10.0.0.1', 5432)", "10.0.0.1", Some(5432)),
        ("host not found in upstream \"cart\" in /etc/nginx/nginx.conf:9", "cart", None),
        ("cart could not be resolved (3: Host not found)", "cart", None),
        (
            "while connecting to upstream, client: 10.0.0.5, server: _, upstream: \"http://10.0.0.9:8080/\", host: \"x\"",
            "10.0.0.9",
            Some(8080),
        ),
        (
            "cluster outbound|80||cart.shop.svc.cluster.local no healthy upstream",
            "cart.shop.svc.cluster.local",
            Some(80),
        ),
        ("The TCP/IP connection to the host db, port 1433 has failed", "db", Some(1433)),
        ("last error: UNAVAILABLE: ipv4:10.0.0.1:50051: Failed", "10.0.0.1", Some(50051)),
        ("Failed to resolve 'cart' [A(1)]", "cart", None),
        ("503 SERVICE_UNAVAILABLE \"Unable to find instance for cart\"", "cart", None),
        ("No servers available for service: cart", "cart", None),
        ("Host name 'queue(1414)': java.net.ConnectException: No route to host", "queue", Some(1414)),
    ];

    #[test]
    fn the_host_and_port_of_a_complaint_come_first() {
        for &(line, host, port) in CASES {
            let found = places(line);
            let first = found.first().map(|place| (place.host.as_str(), place.port));
            assert_eq!(first, Some((host, port)), "{line}: {found:?}");
        }
    }

    #[test]
    fn whom_a_proxy_was_serving_is_not_what_it_complains_about() {
        let line = "upstream timed out while connecting to upstream, client: 10.0.0.5, server: shop.example, \
            request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.9:8080/\", host: \"www.shop.example\"";
        let hosts: Vec<_> = places(line).into_iter().map(|place| place.host).collect();
        assert_eq!(hosts, ["10.0.0.9"]);
    }

    #[test]
    fn a_line_without_a_host_names_none() {
        for line in ["connection refused", "MySQL server has gone away", "retry 3 of 5", ""] {
            assert_eq!(places(line), [], "{line}");
        }
    }

    #[test]
    fn software_is_known_by_its_words() {
        assert_eq!(usual_ports("SQLSTATE[HY000]: 2006 MySQL server has gone away"), [3306]);
        assert_eq!(usual_ports("kafka.errors.NoBrokersAvailable"), [9092, 9093]);
        assert_eq!(usual_ports("connection refused"), Vec::<u16>::new());
    }

    #[test]
    fn a_line_full_of_hosts_is_bounded() {
        let line: String = (0..5_000).map(|number| format!("host-{number}:80 ")).collect();
        assert_eq!(places(&line).len(), 16);
    }
}

//! Sentences of clients and drivers, and what kind of complaint each is.

use super::{Code, KINDS, NONE, RegexSet, SET, kind};
use crate::diagnose::codes::{
    LOG_AUTHENTICATION, LOG_DNS, LOG_FORBIDDEN, LOG_QUERY, LOG_READ_ONLY, LOG_REFUSED, LOG_RESET,
    LOG_TIMEOUT, LOG_TLS, LOG_TOO_MANY, LOG_UNAVAILABLE, LOG_UNKNOWN_DATABASE, LOG_UNREACHABLE, LOG_UPSTREAM,
    LOG_WRONG_ANSWER,
};

#[test]
fn every_wording_compiles() {
    assert!(SET.is_some() && NONE.is_some());
    assert_eq!(SET.as_ref().map(RegexSet::len), Some(KINDS.len()));
}

const CASES: &[(Code, &str)] = &[
    (LOG_FORBIDDEN, "configmaps is forbidden: User \"system:serviceaccount:a:b\" cannot list resource"),
    // Logins
    (LOG_AUTHENTICATION, "FATAL: password authentication failed for user \"app\""),
    (LOG_AUTHENTICATION, "Access denied for user 'app'@'10.0.0.1' (using password: YES)"),
    (LOG_AUTHENTICATION, "(error) WRONGPASS invalid username-password pair"),
    (LOG_AUTHENTICATION, "FATAL: no pg_hba.conf entry for host \"10.0.0.1\", user \"a\""),
    (LOG_AUTHENTICATION, "MongoServerError: Authentication failed."),
    (LOG_AUTHENTICATION, "org.apache.kafka.common.errors.SaslAuthenticationException: no"),
    (LOG_AUTHENTICATION, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN"),
    (LOG_AUTHENTICATION, "rpc error: code = Unauthenticated desc = no token"),
    (LOG_AUTHENTICATION, "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: http://a/"),
    (LOG_AUTHENTICATION, "AxiosError: Request failed with status code 403"),
    (LOG_TOO_MANY, "FATAL: sorry, too many clients already"),
    (LOG_TOO_MANY, "Knex: Timeout acquiring a connection. The pool is probably full."),
    // Names
    (LOG_DNS, "dial tcp: lookup db on 10.0.0.10:53: no such host"),
    (LOG_DNS, "java.net.UnknownHostException: db: Name or service not known"),
    (LOG_DNS, "Error: getaddrinfo ENOTFOUND db"),
    (LOG_DNS, "socket.gaierror: [Errno -3] Temporary failure in name resolution"),
    (LOG_DNS, "Temporary failure in name resolution; Failed to resolve 'db'"),
    (LOG_DNS, "cURL error 6: Could not resolve host: db"),
    (LOG_DNS, "[emerg] host not found in upstream \"db\" in /etc/nginx/nginx.conf:9"),
    (LOG_DNS, "db could not be resolved (3: Host not found)"),
    (LOG_DNS, "failed to lookup address information: Name does not resolve"),
    (LOG_DNS, "rpc error: code = Unavailable desc = name resolver error: produced zero addresses"),
    // TLS
    (LOG_TLS, "x509: certificate has expired or is not yet valid"),
    (LOG_TLS, "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number"),
    (LOG_TLS, "javax.net.ssl.SSLHandshakeException: PKIX path building failed"),
    (LOG_TLS, "Error: unable to verify the first certificate"),
    (LOG_TLS, "http: server gave HTTP response to HTTPS client"),
    (LOG_TLS, "The remote certificate is invalid according to the validation procedure"),
    // No connection
    (LOG_REFUSED, "dial tcp 10.0.0.1:5432: connect: connection refused"),
    (LOG_REFUSED, "Error: connect ECONNREFUSED 10.0.0.1:80"),
    (LOG_REFUSED, "Connection to db:5432 refused. Check that the hostname and port are correct"),
    (LOG_REFUSED, "Failed to establish a new connection: [Errno 111] Connection refused"),
    (
        LOG_REFUSED,
        "connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.5",
    ),
    (LOG_REFUSED, "failed to connect to all addresses; last error: ipv4:10.0.0.1:50051: Connection refused"),
    (LOG_UNREACHABLE, "dial tcp 10.0.0.1:80: connect: no route to host"),
    (LOG_UNREACHABLE, "java.net.NoRouteToHostException: Host is unreachable"),
    (LOG_TIMEOUT, "port 5432 failed: Connection timed out"),
    (
        LOG_TIMEOUT,
        "Get \"http://a/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    ),
    (LOG_TIMEOUT, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    (LOG_TIMEOUT, "java.net.SocketTimeoutException: Read timed out"),
    (LOG_TIMEOUT, "Failed to establish a new connection: [Errno 110] Connection timed out"),
    (LOG_TIMEOUT, "HikariPool-1 - Connection is not available, request timed out after 30000ms."),
    (LOG_TIMEOUT, "ERROR: canceling statement due to statement timeout"),
    (LOG_TIMEOUT, "pymongo.errors.ServerSelectionTimeoutError: mongo:27017"),
    (LOG_RESET, "read tcp 10.0.0.2:1->10.0.0.1:80: read: connection reset by peer"),
    (LOG_RESET, "Error: socket hang up"),
    (LOG_RESET, "SQLSTATE[HY000]: General error: 2006 MySQL server has gone away"),
    (LOG_RESET, "upstream prematurely closed connection while reading response header from upstream"),
    // Answers
    (LOG_UPSTREAM, "500 : [no body] on GET request for \"http://b:80/\""),
    (LOG_UPSTREAM, "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: http://b/"),
    (LOG_UPSTREAM, "AxiosError: Request failed with status code 502"),
    (LOG_UNAVAILABLE, "rpc error: code = Unavailable desc = transport"),
    (LOG_UNAVAILABLE, "kafka.errors.NoBrokersAvailable"),
    (
        LOG_UNAVAILABLE,
        "Connection to node -1 (kafka/10.0.0.1:9092) could not be established. Broker may not be available.",
    ),
    (LOG_UNAVAILABLE, "Communications link failure"),
    (LOG_UNAVAILABLE, "FATAL: the database system is starting up"),
    (LOG_UNAVAILABLE, "LOADING Redis is loading the dataset in memory"),
    (LOG_UNAVAILABLE, "no healthy upstream"),
    (LOG_UNKNOWN_DATABASE, "ERROR: relation \"orders\" does not exist at character 15"),
    (LOG_QUERY, "Error 1054: Unknown column 'total' in 'field list'"),
    (LOG_UNKNOWN_DATABASE, "FATAL: database \"shop\" does not exist"),
    (LOG_UNKNOWN_DATABASE, "Error 1049 (42000): Unknown database 'shop'"),
    (
        LOG_READ_ONLY,
        "Error 1290 (HY000): The MySQL server is running with the --read-only option so it cannot execute this statement",
    ),
    (LOG_READ_ONLY, "The MySQL server is running with the --super-read-only option"),
    (LOG_READ_ONLY, "ERROR: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"),
    (LOG_READ_ONLY, "cannot execute nextval() during recovery"),
    (LOG_READ_ONLY, "MongoServerError: not primary"),
    (LOG_READ_ONLY, "READONLY You can't write against a read only replica."),
    (
        LOG_READ_ONLY,
        "MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk",
    ),
    (LOG_WRONG_ANSWER, "AxiosError: Request failed with status code 404 http://cart/items"),
    (
        LOG_WRONG_ANSWER,
        "requests.exceptions.HTTPError: 501 Server Error: Not Implemented for url: http://cart/",
    ),
    (LOG_WRONG_ANSWER, "GET http://cart/items: unexpected status 404"),
    (LOG_WRONG_ANSWER, "rpc error: code = Unimplemented desc = unknown method"),
    (LOG_READ_ONLY, "publish failed: connection.blocked: low on memory"),
    (LOG_READ_ONLY, "basic.nack from mq:5672: queue 'orders' reached max-length"),
    (LOG_READ_ONLY, "memory resource limit alarm set on node rabbit@broker-0."),
    (LOG_READ_ONLY, "org.apache.kafka.common.errors.NotEnoughReplicasException: Messages are rejected"),
    (LOG_TOO_MANY, "Error 1040: Too many connections"),
    (LOG_TOO_MANY, "FATAL: sorry, too many clients already"),
    (
        LOG_TOO_MANY,
        "HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10, idle=0, waiting=5)",
    ),
    (
        LOG_AUTHENTICATION,
        "Error 1045 (28000): Access denied for user 'shop'@'10.0.0.7' (using password: YES)",
    ),
    (LOG_AUTHENTICATION, "FATAL: password authentication failed for user \"shop\" (SQLSTATE 28P01)"),
];

#[test]
fn the_sentences_of_common_clients_and_drivers_are_told_apart() {
    for (expected, line) in CASES {
        assert_eq!(kind(line).map(|code| code.name), Some(expected.name), "{line}");
    }
}

#[test]
fn ordinary_lines_and_what_clients_of_the_writer_do_are_no_complaint() {
    let lines = [
        "request handled status=200 duration_ms=16",
        "timeout set to 30s",
        "connected to db",
        "GET /users/401 200",
        "GET /users/404 404",
        "handled GET http://shop.example/robots.txt status=200",
        "handled POST /login 401 in 3ms",
        "connection refused at first, successfully reconnected to db",
        "client closed connection while waiting for request: read: connection reset by peer",
        "http: TLS handshake error from 10.0.0.7:5000: EOF",
        "wrote 500 items from upstream",
        "retry policy: connectTimeout=500",
        "[INFO] 10.0.0.9:42453 - 40187 \"A IN cart.shop.svc.cluster.local.example. udp 69 false 512\" NXDOMAIN qr,aa,rd 162 0.0001s",
        "memory resource limit alarm cleared on node broker-0",
        "",
    ];
    for line in lines {
        assert_eq!(kind(line).map(|code| code.name), None, "{line}");
    }
}

//! How clients and drivers word what goes wrong with what they call. Pure.
//!
//! The sentences are those of the common clients of Go, Java, Python, Node, .NET, Ruby, PHP and Rust, of nginx, Envoy and gRPC, and
//! of the drivers of PostgreSQL, MySQL, MongoDB, Redis, Kafka, RabbitMQ, Elasticsearch and others. What clients of the writer
//! do (hang up, send nonsense) is no complaint about a dependency.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::diagnose::codes::{self, Code};

/// From the most to the least telling: the first that matches names the complaint.
pub(super) const KINDS: [(Code, &[&str]); 15] = [
    (codes::LOG_FORBIDDEN, &[r#"User "system:serviceaccount:[^"]+" cannot \w+ resource"#]),
    (codes::LOG_READ_ONLY, READ_ONLY),
    (codes::LOG_UNKNOWN_DATABASE, UNKNOWN_DATABASE),
    (codes::LOG_AUTHENTICATION, AUTHENTICATION),
    (codes::LOG_TOO_MANY, TOO_MANY),
    (codes::LOG_DNS, DNS),
    (codes::LOG_TLS, TLS),
    (codes::LOG_REFUSED, REFUSED),
    (codes::LOG_UNREACHABLE, UNREACHABLE),
    (codes::LOG_TIMEOUT, TIMEOUT),
    (codes::LOG_RESET, RESET),
    (codes::LOG_UPSTREAM, UPSTREAM),
    (codes::LOG_UNAVAILABLE, UNAVAILABLE),
    (codes::LOG_QUERY, QUERY),
    (codes::LOG_WRONG_ANSWER, WRONG_ANSWER),
];

/// Databases that answer and refuse to write.
const READ_ONLY: &[&str] = &[
    r"running with the --(?:super[_-])?(?:read[_-]only|transaction-read-only)|ER_OPTION_PREVENTS_STATEMENT|ER_CANT_EXECUTE_IN_READ_ONLY|cannot execute statement in a READ ONLY transaction|running in read-only mode|ER_READ_ONLY_MODE",
    r"cannot execute [\w ()]{2,40} (?:in a read-only transaction|during recovery)|SQLSTATE:?[ \[(]{0,2}25006|ReadOnlySqlTransaction|database is (?:in )?read[- ]only|ORA-16000",
    r#"NotWritablePrimary|NotPrimaryNoSecondaryOk|(?:error|exception|errmsg)[^a-z]{1,6}not (?:primary|master)\b|not master and slaveOk|NotMasterError|node is not in primary"#,
    r"connection\.blocked|blocked.{0,40}\blow on (?:memory|disk)|(?:memory|disk) resource limit alarm set|\breached max-length|at its maximum length of|maximum (?:number of )?messages exceeded|NOT_ENOUGH_REPLICAS|NotEnoughReplicas(?:Exception|Error)?\b",
    r"READONLY You can't write|OOM command not allowed|MISCONF Redis is configured|index read-only / allow delete|FORBIDDEN/(?:5|8|12)/index|mvcc: database space exceeded|etcdserver: no space",
];

/// Database servers that answer and do not know the database or table.
const UNKNOWN_DATABASE: &[&str] = &[
    r#"unknown database '|ER_BAD_DB_ERROR|database "[^"]+" does not exist|ER_NO_SUCH_TABLE|table '[^']+' doesn't exist|relation "[^"]+" does not exist|no such table: |cannot open database "[^"]+" requested|ORA-12514|ORA-00942|keyspace '?[\w]+'? does not exist"#,
];

const AUTHENTICATION: &[&str] = &[
    "authentication failed|auth(?:entication)? error|authentication failure",
    "access denied for user|ER_ACCESS_DENIED|no pg_hba\\.conf entry|role \"[^\"]+\" does not exist",
    r"authentication plugin .{0,40}(?:cannot|not )|\[28P01\]|SQLSTATE:?[ \[(]{0,2}28P01|SQLSTATE:?[ \[(]{0,2}28000|using password: (?:YES|NO)|is not allowed to connect to this (?:MySQL|MariaDB)",
    "WRONGPASS|NOAUTH|NOPERM|invalid (?:username|user name|credentials|password)|login failed for|ORA-01017",
    "SASL.{0,40}(?:fail|error)|SaslAuthenticationException|(?:topic|group|cluster)_?authorization_?(?:exception|failed)|not authorized to access (?:topics|group)",
    "ACCESS[_-]REFUSED|command \\w+ requires authentication|not authorized on \\w+ to execute|unable to authenticate user|security_exception",
    r"\b401 unauthorized|\b40[13] client error.{0,60}for url|status(?: code)?:? 40[13]\b.{0,60}https?://|request failed with status code 40[13]|https?://\S+.{0,40}\b(?:401 unauthorized|403 forbidden)",
    "code = (?:Unauthenticated|PermissionDenied)|StatusCode\\.(?:UNAUTHENTICATED|PERMISSION_DENIED)|\\b(?:UNAUTHENTICATED|PERMISSION_DENIED):",
    "InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidClientTokenId|invalid_client\\b|invalid_grant\\b|unauthorized_client\\b|AuthFailure\\b",
    r#"invalid header (?:field )?value.{0,30}authorization|invalid character in header content \["authorization"\]"#,
];

const TOO_MANY: &[&str] = &[
    "too many (?:connections|clients)|remaining connection slots|max_connections|max number of clients reached",
    r"connection is not available, request timed out after.{0,40}\(total=[1-9]|SQLSTATE:?[ \[(]{0,2}53300|ER_TOO_MANY_USER_CONNECTIONS|max_user_connections|connection refused because too many open connections|pool (?:is )?exhausted|could not get a resource from the pool|max(?:imum)? pool size (?:was )?reached",
    "connection pool (?:is )?(?:exhausted|timeout)|QueuePool limit of size|timeout acquiring a connection|ER_CON_COUNT|ORA-00020|connection limit exceeded",
];

const DNS: &[&str] = &[
    "no such host|ENOTFOUND|EAI_AGAIN|EAI_NONAME|name or service not known|name does not resolve|temporary failure in name resolution",
    "nodename nor servname|UnknownHostException|UnresolvedAddressException|could not translate host name|server misbehaving|no address associated with hostname",
    "could ?n[o']t resolve (?:host|server|proxy)|failed to resolve '|failed to lookup address|getaddrinfo (?:failed|for )|php_network_getaddresses|dns error",
    "host not found in (?:upstream|resolver)|could not be resolved \\(\\d|unknown mysql server host|no resolvable bootstrap|dns resolution failed|produced zero addresses",
    r"unable to find instance for|no servers available for service|no instances available for|does not contain an instance for the service",
    "DNS lookup failed: ",
    r"lookup \S+(?: on \S+)?: (?:i/o timeout|read udp)|\b(?:NXDOMAIN|SERVFAIL)\b",
];

const TLS: &[&str] = &[
    "x509:|certificate (?:has expired|verify failed|signed by unknown|is (?:not )?valid for|unknown|required)|certificate subject name",
    "tls: (?:failed|handshake|bad|first record|unknown|protocol)|first record does not look like a tls handshake|HTTP response to HTTPS client",
    "CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|PKIX path|SSLHandshakeException|SSLPeerUnverified|CERT_HAS_EXPIRED|CERT_ALTNAME_INVALID|UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER",
    "self[- ]signed cert|unable to (?:get local issuer|verify the first) certificate|remote certificate (?:is invalid|was rejected)|invalid peer certificate|upstream SSL certificate",
    "SSL_do_handshake\\(\\) failed|ssl routines|(?:tls|ssl) handshake (?:fail|error|timeout)|handshake[_ ]failure|does not support SSL|TLS error: ",
];

const REFUSED: &[&str] = &[
    r"connection refused|connection to \S+ refused|ECONNREFUSED|connect call failed|actively refused|ConnectionRefusedError|\[Errno 111\]|reset reason: connection failure",
];

const UNREACHABLE: &[&str] = &[
    "no route to host|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|network is unreachable|host is unreachable|NoRouteToHostException|destination host unreachable",
];

const TIMEOUT: &[&str] = &[
    "(?:connection|connect|dial|i/o|read|write|operation|request|query|handshake)(?:[ _-]timeout| timed out)|ETIMEDOUT|ESOCKETTIMEDOUT|timed out waiting for",
    "(?:context )?deadline[ _]?exceeded|timeout (?:of \\d+ ?ms )?exceeded|Client\\.Timeout|timeout expired|execution expired|Net::(?:Open|Read)Timeout",
    "(?-i:(?:Socket|Connect|Read|Http|HttpConnect|ServerSelection|Pool)Timeout(?:Error|Exception)?\\b)|upstream timed out|upstream request timeout|reset reason: connection timeout",
    "504 gateway time-?out|curl error 28|statement due to statement timeout|lock wait timeout|StatusCode\\.DEADLINE|operation was cancell?ed.{0,40}timeout",
    "_TIMED_OUT\\b|Message timed out|request timed out after",
];

const RESET: &[&str] = &[
    "connection reset by peer|ECONNRESET|connection was reset|forcibly closed by the remote host|socket hang up|RemoteDisconnected|NoHttpResponseException",
    "server closed the connection unexpectedly|connection terminated unexpectedly|server has gone away|lost connection to (?:mysql|server|backend)|upstream prematurely closed",
    "upstream connect error or disconnect/reset|reset reason: (?:connection termination|remote reset|local reset)|transport is closing|connection error: desc = \"error reading",
];

const UPSTREAM: &[&str] = &[
    r"\b50[0234]\b.{0,80}(?:request for|from|for url|upstream|calling|calls?) .{0,10}http",
    r"(?:request|call|get|post|put|patch|delete)\b.{0,80}https?://\S+.{0,40}\b50[0234]\b",
    "(?:bad gateway|service unavailable).{0,80}https?://|upstream (?:returned|responded|sent).{0,20}50[0234]",
    r"request failed with status code 50[0234]|\b50[0234] server error|unexpected (?:http )?status(?: code)?:? 50[0234]|HttpServerErrorException",
    r"code = (?:Internal|Unknown) desc|StatusCode\.(?:INTERNAL|UNKNOWN)\b",
    r"\b429 client error.{0,60}for url|request failed with status code 429|https?://\S+.{0,40}\b429 too many requests|\b429 too many requests.{0,40}https?://",
];

const UNAVAILABLE: &[&str] = &[
    r"code = Unavailable|StatusCode\.UNAVAILABLE|\bUNAVAILABLE: |failed to connect to all addresses|no healthy upstream|no live upstreams|no (?:servers|endpoints) available",
    "failed to establish a new connection|could ?n[o']t connect to (?:server|mysql|redis|the server)|can't connect to (?:mysql|server|local)|failed to connect to|unable to connect to|cannot connect to",
    "NoBrokersAvailable|no brokers available|brokers? (?:transport failure|not available|are down)|BrokerUnreachableException|Disconnected from (?:broker|node)|could not be established\\. (?:Broker|Node)|LEADER_NOT_AVAILABLE|NOT_LEADER",
    "Mongo(?:Network|ServerSelection)Error|ServerSelectionTimeoutError|NoNodeAvailable|NoHostAvailable|None of the configured nodes",
    "communications link failure|unable to obtain (?:jdbc )?connection|RedisConnectionException|AmqpConnectException|connection to the (?:broker|database) (?:failed|lost)",
    "database system is (?:starting up|shutting down|in recovery mode)|MASTERDOWN|CLUSTERDOWN|LOADING Redis|cluster_block_exception",
];

const QUERY: &[&str] = &[
    r#"column "?[\w.]+"? (?:of relation \S+ )?does not exist|unknown column|no such column"#,
    r#"schema "[^"]+" does not exist|deadlock (?:detected|found)|could not serialize access|syntax error at or near|error in your SQL syntax"#,
    "UNKNOWN_TOPIC_OR_PART|Unknown topic or partition|NOT_FOUND - no (?:queue|exchange|vhost)|index_not_found_exception|ORA-00942|Invalid object name '",
];

/// Answers of a server that is not the one that was meant, or another version of it.
const WRONG_ANSWER: &[&str] = &[
    r"request failed with status code (?:40[045]|41[05]|422|501)|\b(?:40[045]|41[05]|422|501) (?:client|server) error.{0,60}for url|unexpected (?:http )?status(?: code)?:? (?:40[045]|41[05]|422|501)",
    r"https?://\S+.{0,40}\b(?:404 not found|405 method not allowed|501 not implemented|status(?: code)?[:=]? ?(?:404|405|501))\b|\b(?:404|405|501)\b.{0,60}(?:request for|from|for url|calling) .{0,10}http",
    r"\b(?:404|405|410|501) [a-z ]{4,20}\((?:get|post|put|patch|delete) https?://|\b(?:answered|returned|responded with) (?:http )?(?:404|405|410|501)\b",
    r"code = Unimplemented|StatusCode\.UNIMPLEMENTED|\bUNIMPLEMENTED: ",
];

/// What the writer's own clients do, or what went well in the end.
const NO_COMPLAINT: &[&str] = &[
    "client (?:prematurely )?closed|client intended to send|downstream (?:remote )?disconnect|while reading client request|http: TLS handshake error from|tls: client",
    // A name server's record of what it answered: search paths make most questions be about names that nobody has.
    r#""[A-Z0-9]+ IN [^"]{1,300} (?:udp|tcp|tls|https|grpc) \d+ (?:true|false) \d+" (?:NXDOMAIN|NOERROR)\b|\b(?:reply|cached|config) \S{1,255} is NXDOMAIN"#,
    "(?:successfully|now) (?:re)?connected|connection (?:was )?(?:restored|re-?established)|reconnected (?:to|after)|authentication (?:succeeded|successful)",
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| set(KINDS.iter().map(|(_, wordings)| wordings.join("|"))));
static NONE: LazyLock<Option<RegexSet>> = LazyLock::new(|| set([NO_COMPLAINT.join("|")]));

/// Without Unicode: its classes make a set many times slower, and drivers do not write outside ASCII.
fn set(patterns: impl IntoIterator<Item = String>) -> Option<RegexSet> {
    RegexSetBuilder::new(patterns).case_insensitive(true).unicode(false).build().ok()
}

/// The kind of complaint that a line is; `None` for lines that complain about nothing.
pub(super) fn kind(line: &str) -> Option<Code> {
    let first = SET.as_ref()?.matches(line.as_bytes()).into_iter().next()?;
    let excused = NONE.as_ref().is_some_and(|none| none.is_match(line.as_bytes()));
    KINDS.get(first).map(|(code, _)| *code).filter(|_| !excused)
}

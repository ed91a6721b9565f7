//! How programs, shells and runtimes word trouble with their surroundings. Pure.

use std::sync::LazyLock;

use regex::Regex;
use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::diagnose::codes::{self, Code};

/// Most paths of one line.
const MAX_PATHS: usize = 8;

/// From the most to the least telling: the first that matches names the trouble.
const KINDS: [(Code, &[&str]); 7] = [
    (
        codes::LOG_EXEC_FORMAT,
        &["exec format error|cannot execute binary file|wrong ELF class|exec: .{1,80}: Exec format"],
    ),
    (
        codes::LOG_PORT_TAKEN,
        &[
            r"address already in use|EADDRINUSE|address in use\b|connection in use: \('|\[Errno (?:98|48)\]|Only one usage of each socket address",
            r"port \d{1,5} (?:is |was )?already (?:in use|being used|allocated|bound)|port is already allocated|port already in use|bind.{0,40}\(98: ",
        ],
    ),
    (
        codes::LOG_BIND_DENIED,
        &[
            r"bind: permission denied|bind\(\).{0,60}\(13: permission denied\)|listen EACCES|permission denied.{0,40}(?:bind|listen)|could not bind.{0,60}permission denied|\(13\)Permission denied: AH00072",
        ],
    ),
    (
        codes::LOG_DISK_FULL,
        &[
            r"no space left on device|ENOSPC|disk (?:is )?full\b|disk quota exceeded|EDQUOT|not enough (?:disk )?space|insufficient disk space|error 28 from storage engine|OS errno 28",
        ],
    ),
    (codes::LOG_READ_ONLY_FILES, &["read-only file ?system|EROFS"]),
    (
        codes::LOG_PERMISSION,
        &[
            r"permission denied|EACCES|operation not permitted|EPERM\b|AccessDeniedException: /|UnauthorizedAccessException|is not writable|not writeable|cannot write to|unable to write to|cannot (?:create|open) directory.{0,80}: ",
        ],
    ),
    (
        codes::LOG_BAD_ARGUMENT,
        &[
            r"flag provided but not defined|unknown (?:shorthand )?flag|unknown command \S+ for|(?:unrecognized|unknown|invalid|illegal|bad) option\b|unrecognized arguments?:|unexpected argument|unknown argument",
            r"the following (?:required )?arguments (?:are required|were not provided)|error: argument \S+: |requires an argument|flag needs an argument|no such option|got unexpected extra argument",
            r"could not find or load main class|unable to access jarfile|can't open file '[^']+'|__main__: No module named|cannot find module '/|MODULE_NOT_FOUND|Could not open input file",
        ],
    ),
];

/// Lines that speak of other programs' rights: databases, APIs, remote hosts; and of harmless trying.
const ELSEWHERE: &[&str] = &[
    r"permission denied (?:for|to) (?:table|relation|schema|database|sequence|function|user|role|create)|PERMISSION_DENIED|PermissionDenied desc|permission denied \(publickey|rpc error|access denied for user",
    // What a database says of its own memory, repeated by its clients.
    r"(?:psycopg|asyncpg|PSQLException|Npgsql|\bpq: |\bpgx|SQLSTATE).{0,120}could not resize shared memory segment",
    r"ignoring|retrying on (?:another|next) port|trying another port|falling back",
];

static SET: LazyLock<Option<RegexSet>> =
    LazyLock::new(|| set(KINDS.iter().map(|(_, wordings)| wordings.join("|"))));
static NONE: LazyLock<Option<RegexSet>> = LazyLock::new(|| set([ELSEWHERE.join("|")]));
static PATH: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[^A-Za-z0-9_./-])(/[A-Za-z0-9._@+-]+(?:/[A-Za-z0-9._@+-]+)*)").ok());
static PORT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?:port:? |:|\]:|', )([0-9]{2,5})(?:[^0-9.:]|:[^0-9]|:?$)").ok());

fn set(patterns: impl IntoIterator<Item = String>) -> Option<RegexSet> {
    RegexSetBuilder::new(patterns).case_insensitive(true).unicode(false).build().ok()
}

/// What a line says of the surroundings of its writer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Own<'l> {
    /// What kind of trouble.
    pub(super) code: Code,
    /// Absolute paths that it names.
    pub(super) paths: Vec<&'l str>,
    /// The port that it names, where the trouble is about one.
    pub(super) port: Option<u16>,
}

impl Own<'_> {
    /// Whether a program only says so when it gives up.
    pub(super) fn only_at_the_end(&self) -> bool {
        [codes::LOG_BAD_ARGUMENT, codes::LOG_EXEC_FORMAT].iter().any(|code| code.name == self.code.name)
    }
}

impl Own<'_> {
    /// Whether it is about files.
    pub(super) fn is_about_files(&self) -> bool {
        let files = [codes::LOG_PERMISSION, codes::LOG_READ_ONLY_FILES, codes::LOG_DISK_FULL];
        files.iter().any(|code| code.name == self.code.name)
    }
}

/// Reads a line; `None` for lines that say nothing of the kind.
pub(super) fn read(line: &str) -> Option<Own<'_>> {
    let first = SET.as_ref()?.matches(line.as_bytes()).into_iter().next()?;
    let (code, _) = KINDS.get(first)?;
    if NONE.as_ref().is_some_and(|none| none.is_match(line.as_bytes())) {
        return None;
    }
    let about_port =
        [codes::LOG_PORT_TAKEN, codes::LOG_BIND_DENIED].iter().any(|known| known.name == code.name);
    let paths = PATH.as_ref()?.captures_iter(line).filter_map(|found| Some(found.get(1)?.as_str()));
    let paths: Vec<_> = if about_port { Vec::new() } else { paths.take(MAX_PATHS).collect() };
    let port =
        PORT.as_ref()?.captures_iter(line).filter_map(|found| found.get(1)?.as_str().parse().ok()).last();
    Some(Own { code: *code, paths, port: port.filter(|_| about_port) })
}

#[cfg(test)]
mod tests {
    use super::{NONE, SET, read};

    #[test]
    fn every_wording_compiles() {
        assert!(SET.is_some() && NONE.is_some());
    }

    type Told = (&'static str, Option<&'static str>, Option<u16>);

    const CASES: &[(&str, Told)] = &[
        (
            "standard_init_linux.go:228: exec user process caused: exec format error",
            ("exec_format", None, None),
        ),
        ("listen tcp 0.0.0.0:8080: bind: address already in use", ("port_taken", None, Some(8080))),
        ("Error: listen EADDRINUSE: address already in use :::3000", ("port_taken", None, Some(3000))),
        (
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            ("port_taken", None, Some(80)),
        ),
        ("Web server failed to start. Port 8443 was already in use.", ("port_taken", None, Some(8443))),
        (
            "[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
            ("port_taken", None, Some(8000)),
        ),
        ("java.net.BindException: Address already in use (Bind failed)", ("port_taken", None, None)),
        ("listen tcp :80: bind: permission denied", ("bind_denied", None, Some(80))),
        (
            "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)",
            ("bind_denied", None, Some(80)),
        ),
        (
            "OSError: [Errno 28] No space left on device: '/data/queue/1'",
            ("disk_full", Some("/data/queue/1"), None),
        ),
        ("open /tmp/cache: read-only file system", ("read_only_files", Some("/tmp/cache"), None)),
        (
            "mkdir: cannot create directory '/data/db': Permission denied",
            ("permission_denied", Some("/data/db"), None),
        ),
        (
            "EACCES: permission denied, open '/uploads/a.png'",
            ("permission_denied", Some("/uploads/a.png"), None),
        ),
        (
            "java.nio.file.AccessDeniedException: /data/index",
            ("permission_denied", Some("/data/index"), None),
        ),
        (
            "initdb: error: could not change permissions of directory \"/var/lib/pg\": Operation not permitted",
            ("permission_denied", Some("/var/lib/pg"), None),
        ),
        ("flag provided but not defined: -port", ("bad_argument", None, None)),
        ("Error: unknown flag: --listen", ("bad_argument", None, None)),
        ("server: unrecognized option '--fast'", ("bad_argument", None, None)),
        ("main.py: error: unrecognized arguments: --fast", ("bad_argument", None, None)),
        ("error: unexpected argument '--fast' found", ("bad_argument", None, None)),
        ("Error: Unable to access jarfile /app/app.jar", ("bad_argument", Some("/app/app.jar"), None)),
    ];

    #[test]
    fn common_programs_are_understood() {
        for &(line, (code, path, port)) in CASES {
            let own = read(line).unwrap_or_else(|| panic!("{line}"));
            let code_name = own.code.name.strip_prefix("log.own.").unwrap();
            assert_eq!((code_name, own.paths.first().copied(), own.port), (code, path, port), "{line}");
        }
    }

    #[test]
    fn rights_elsewhere_and_ordinary_lines_are_no_trouble_of_ones_own() {
        for line in [
            "ERROR: permission denied for table orders",
            "rpc error: code = PermissionDenied desc = no",
            "port 8080 in use by nobody, listening",
            "GET /permissions 200",
            "using option --fast",
            "read-only mode is off",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}

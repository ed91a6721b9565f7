//! Configuration files that a program cannot read: complaints that name the file. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// Words of parsers.
const CANNOT: &str = "(?:error|fail|cannot|could not|couldn't|unable|invalid|unexpected|unknown|malformed|syntax|emerg|parse|parsing)";

static FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let path = r#"(?P<path>/[A-Za-z0-9._/@-]+\.?[A-Za-z0-9_-]+)"#;
    let after = format!(r"(?i){CANNOT}.{{0,160}}?{path}(?::[0-9]+)?");
    let before = format!(r"(?i){}(?::[0-9]+){{0,2}} ?[-:]? .{{0,20}}{CANNOT}", path.replace("path", "first"));
    Regex::new(&format!("{before}|{after}")).ok()
});

/// Endings of files of settings, and files that are settings without one.
const SETTINGS: [&str; 12] = [
    ".yaml",
    ".yml",
    ".json",
    ".toml",
    ".conf",
    ".cfg",
    ".ini",
    ".properties",
    ".xml",
    ".cnf",
    ".hcl",
    "Corefile",
];

/// What a parser says that reads a file, in difference to one that does not find it or may not open it.
const READ: [&str; 16] = [
    "parse",
    "parsing",
    "syntax",
    "unexpected",
    "unknown",
    "invalid",
    "malformed",
    "unmarshal",
    "decode",
    "yaml:",
    "did not find",
    "cannot load",
    "emerg",
    "unrecognized",
    "expected",
    "duplicate",
];

/// The file of settings that a line complains about.
pub(super) fn named(line: &str) -> Option<&str> {
    let found = FILE.as_ref()?.captures(line)?;
    let path = found.name("first").or_else(|| found.name("path"))?.as_str();
    let lower = line.to_ascii_lowercase();
    let is_settings = SETTINGS.iter().any(|ending| path.ends_with(ending));
    (is_settings && READ.iter().any(|word| lower.contains(word))).then_some(path)
}

/// A path, with or without quotes around it.
static PATH: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:^|[^A-Za-z0-9_./-])(?P<path>(?:/[A-Za-z0-9._@+-]*[A-Za-z0-9_])+)").ok());

const FAILS: &str =
    "error|exception|fail|cannot|can't|could ?n[o']t|unable|invalid|illegal|unexpected|emerg|not valid|bad ";

/// Words of those who read files of settings and keys.
const READS: &str = r"pars|scann|token|syntax|decod|unmarshal|malformed|deserializ|yaml|json|toml|xml|\bpem|certificate|private key|asn\.?1|base64|keystore|mapping|character|directive";

/// Words that say the same where the file itself is named beside.
const ALSO: &str =
    r"\bini\b|section|option|propert|\bload|\bread\b|expected|unknown|duplicate|config|setting";

/// What is said of a file that was read and is of no use: beside its name, and in lines around it.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| both(&format!("{READS}|{ALSO}")));
static NEAR: LazyLock<Option<Regex>> = LazyLock::new(|| both(READS));

fn both(reads: &str) -> Option<Regex> {
    Regex::new(&format!("(?i)(?:{FAILS}).*?(?:{reads})|(?:{reads}).*?(?:{FAILS})")).ok()
}

/// What is said of a file that was not read: not there, not allowed. That is no matter of what stands in it.
const NOT_READ: [&str; 6] = [
    "no such file",
    "filenotfound",
    "permission denied",
    "eacces",
    "connection refused",
    "address already in use",
];

/// So many lines before and after the one with the path may say what is wrong with the file.
const AROUND: usize = 4;

/// So many lines from its end a log may tell why its program gave up.
const LAST: usize = 80;

/// The newest of the lines (newest first) that names a file which is `held`, where it or a line near it says that what was
/// read is of no use; with the line that says so.
pub(super) fn held(lines: &[String], held: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
    let lines = lines.get(..LAST).unwrap_or(lines);
    lines.iter().enumerate().find_map(|(place, line)| {
        let paths = PATH.as_ref()?.captures_iter(line).filter_map(|found| found.name("path"));
        let path = paths.map(|found| found.as_str()).find(|path| held(path))?;
        let near = lines.get(place.saturating_sub(AROUND)..).unwrap_or_default();
        let mut near = near.iter().take(AROUND.min(place) + AROUND + 1);
        let beside = Some(line).filter(|line| is_unusable(line, &BESIDE));
        let says = beside.or_else(|| near.find(|line| is_unusable(line, &NEAR)))?;
        Some((path, says.as_str()))
    })
}

/// Whether a line says so, whatever the names of files in it.
fn is_unusable(line: &str, said: &LazyLock<Option<Regex>>) -> bool {
    let words = PATH.as_ref().map_or(line.into(), |path| path.replace_all(line, " "));
    let lower = words.to_ascii_lowercase();
    said.as_ref().is_some_and(|said| said.is_match(&words))
        && !NOT_READ.iter().any(|words| lower.contains(words))
}

#[cfg(test)]
mod tests {
    use super::{held, named};

    /// The file and the line that condemns it, of a log whose `/etc/app` and `/tls` hold settings.
    fn told(log: &str) -> Option<(String, String)> {
        let lines: Vec<_> = log.lines().rev().map(str::to_owned).collect();
        let found = held(&lines, |path| path.starts_with("/etc/app/") || path.starts_with("/tls/"));
        found.map(|(path, line)| (path.to_owned(), line.trim().to_owned()))
    }

    #[test]
    fn the_lines_around_a_path_say_what_is_wrong_with_the_file() {
        let python = "Traceback (most recent call last):\n  File \"/srv/web/main.py\", line 9, in load\n\
            yaml.scanner.ScannerError: while scanning a simple key\n  in \"/etc/app/web.yaml\", line 4, column 1\n\
            could not find expected ':'\n  in \"/etc/app/web.yaml\", line 5, column 1\n";
        assert_eq!(told(python).unwrap().0, "/etc/app/web.yaml");
        let java = "Loading settings from /etc/app/limits.properties\n\
            Exception in thread \"main\" java.lang.IllegalArgumentException: Malformed \\uxxxx encoding.\n\tat java.util.Properties.load\n";
        assert_eq!(told(java).unwrap().0, "/etc/app/limits.properties");
        let go = "level=info msg=\"reading\" file=/etc/app/rules.yml\npanic: yaml: line 3: found character that cannot start any token\n\
            goroutine 1 [running]:\nmain.main()\n\t/src/main.go:31\n";
        let (path, line) = told(go).unwrap();
        assert_eq!(path, "/etc/app/rules.yml");
        assert!(line.starts_with("panic: yaml"), "{line}");
        let nginx =
            "[emerg] 1#1: cannot load certificate key \"/tls/site.key\": PEM_read_bio_PrivateKey() failed";
        assert_eq!(told(nginx).unwrap().0, "/tls/site.key");
        let node = "SyntaxError: /etc/app/flags.json: Unexpected token } in JSON at position 40\n    at JSON.parse (<anonymous>)\n";
        assert_eq!(told(node).unwrap().0, "/etc/app/flags.json");
    }

    #[test]
    fn a_file_that_was_only_read_before_something_else_failed_is_left_alone() {
        for log in [
            "loaded /etc/app/web.yaml\ndial tcp 10.0.0.1:5432: connect: connection refused\n",
            "using /etc/app/web.yaml\nfatal: too many clients already\n",
            "open /etc/app/web.yaml: no such file or directory\n",
            "cannot parse /srv/data/input.csv: unexpected end\n",
            "reading /etc/app/web.yaml\na\nb\nc\nd\ne\ncannot parse the answer of the server\n",
        ] {
            assert_eq!(told(log), None, "{log}");
        }
    }

    #[test]
    fn a_parser_that_gives_up_names_its_file() {
        let cases = [
            ("plugin/x: /etc/dns/Corefile:9 - Error during parsing: Unknown property", "/etc/dns/Corefile"),
            (
                "nginx: [emerg] unknown directive \"sever\" in /etc/nginx/nginx.conf:3",
                "/etc/nginx/nginx.conf",
            ),
            (
                "error loading config: parsing YAML file /etc/app/app.yml: yaml: line 7: did not find expected key",
                "/etc/app/app.yml",
            ),
            ("Failed to parse /etc/app/settings.json: unexpected token", "/etc/app/settings.json"),
            (
                "load routes: /etc/app/routes.json: invalid character ']' looking for beginning of value",
                "/etc/app/routes.json",
            ),
        ];
        for (line, path) in cases {
            assert_eq!(named(line), Some(path), "{line}");
        }
    }

    #[test]
    fn files_that_are_code_or_merely_missing_are_not_blamed() {
        for line in [
            "loaded /etc/app/app.yml",
            "Error: cannot open /data/app.db",
            "panic at /app/main.go:12: unexpected nil",
            "error: open /etc/app/app.yml: no such file or directory",
        ] {
            assert_eq!(named(line), None, "{line}");
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::named;

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

//! Hosts and ports in the values of a ConfigMap: what a program is told of where others are, and nothing else of the value.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Most addresses kept of one value.
const MAX_ADDRESSES: usize = 32;

/// Most bytes of a value that are looked at.
const MAX_VALUE: usize = 64 * 1024;

/// A host, a port or both, as a value of a ConfigMap has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigAddress {
    /// The key of the ConfigMap.
    pub key: String,
    /// The setting's own name where the value is a file of several; else the key.
    pub setting: String,
    /// Host name, in lower case as Services have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

const HOST: &str = r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*";

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?:[a-z][a-z0-9+.-]*://(?:[^\s@/"']*@)?(?P<url>{HOST})(?::(?P<url_port>[0-9]{{2,5}}))?|(?:^|[\s"'=,(\[])(?P<host>{HOST}):(?P<port>[0-9]{{2,5}})\b|\bhost=(?P<word>{HOST})(?:(?:\s+port=|:)(?P<word_port>[0-9]{{2,5}}))?)"#
    ))
    .ok()
});

/// `host: cart`, `"port": 6379`, `db.host=cart`.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?i)^[\s-]*"?(?P<name>[a-z0-9_.-]*(?:host|hostname|server|address|endpoint|port))"?\s*[:=]\s*"?(?P<value>(?-i:{HOST})|[0-9]{{2,5}})"?\s*,?$"#
    ))
    .ok()
});

/// The addresses in a value.
pub(crate) fn addresses(key: &str, value: &str) -> Vec<ConfigAddress> {
    let value = value.get(..value.floor_char_boundary(MAX_VALUE)).unwrap_or(value);
    let mut lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, more) = (lines.next().unwrap_or_default(), lines.next().is_some());
    if !more && let Some(whole) = whole(key, first) {
        return vec![whole];
    }
    let mut found = Vec::new();
    for line in value.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') || trimmed.starts_with("//") {
            continue;
        }
        found.extend(of_line(key, line));
        if found.len() >= MAX_ADDRESSES {
            break;
        }
    }
    found.truncate(MAX_ADDRESSES);
    found
}

/// A value that is nothing but a host or a port, by what its key says that it is.
fn whole(key: &str, value: &str) -> Option<ConfigAddress> {
    let found = NAMED.as_ref()?.captures(value).is_none();
    let upper = key.to_ascii_uppercase();
    let told = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    let of = |host: Option<&str>, port: Option<u16>| ConfigAddress {
        key: key.to_owned(),
        setting: key.to_owned(),
        host: host.map(str::to_owned),
        port,
    };
    if let (Ok(port @ 1..), true) = (value.parse::<u16>(), told(&["PORT"])) {
        return Some(of(None, Some(port)));
    }
    let is_host = value.len() <= 253
        && value.starts_with(|letter: char| letter.is_ascii_lowercase())
        && value
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter));
    let secret = told(&["PASS", "TOKEN", "SECRET", "KEY", "CRED"]);
    let named = !secret && told(&["HOST", "SERVER", "ADDR", "ENDPOINT", "_SERVICE", "SERVICE_NAME"]);
    (found && is_host && named).then(|| of(Some(value), None))
}

fn of_line(key: &str, line: &str) -> Vec<ConfigAddress> {
    let (Some(address), Some(named)) = (ADDRESS.as_ref(), NAMED.as_ref()) else { return Vec::new() };
    if let Some(found) = named.captures(line) {
        let (Some(name), Some(value)) = (found.name("name"), found.name("value")) else { return Vec::new() };
        let port = value.as_str().parse().ok().filter(|port| *port > 0);
        let host = (!value.as_str().starts_with(|letter: char| letter.is_ascii_digit()))
            .then(|| value.as_str().to_owned());
        return vec![ConfigAddress { key: key.to_owned(), setting: name.as_str().to_owned(), host, port }];
    }
    let found = address.captures_iter(line).filter_map(|found| {
        let host = found.name("url").or_else(|| found.name("host")).or_else(|| found.name("word"))?.as_str();
        let port = found.name("url_port").or_else(|| found.name("port")).or_else(|| found.name("word_port"));
        let port = port.and_then(|port| port.as_str().parse().ok()).filter(|port| *port > 0);
        let (key, setting, host) = (key.to_owned(), key.to_owned(), Some(host.to_owned()));
        Some(ConfigAddress { key, setting, host, port })
    });
    found.collect()
}

/// A value that gives its addresses back when it is read again, in place of what it was.
pub(super) fn written(addresses: &[&ConfigAddress]) -> String {
    let line = |address: &&ConfigAddress| {
        let port = address.port.map(|port| port.to_string());
        let own = address.setting != address.key;
        match (&address.host, port) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) if own => format!("{}: {host}", address.setting),
            (Some(host), None) => format!("http://{host}"),
            (None, Some(port)) if own => format!("{}: {port}", address.setting),
            (None, port) => port.unwrap_or_default(),
        }
    };
    addresses.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value while it is read: only its length limit is known yet, not its key.
pub(super) enum Text {
    Value(String),
    /// What was read of it before: a list, which the API does not allow as a value.
    Addresses(Vec<ConfigAddress>),
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Value(text.get(..text.floor_char_boundary(MAX_VALUE)).unwrap_or(text).to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::Value(String::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::Value(String::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::Value(String::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::Value(String::new()))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::Value(String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::Value(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        let mut known = Vec::new();
        while let Some(piece) = seq.next_element::<serde_json::Value>()? {
            let address = ConfigAddress::deserialize(piece).ok();
            known.extend(address.filter(|_| known.len() < MAX_ADDRESSES));
        }
        Ok(Text::Addresses(known))
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS, NAMED, addresses, written};

    /// Setting, host and port of each address.
    fn told(key: &str, value: &str) -> Vec<(String, Option<String>, Option<u16>)> {
        addresses(key, value).into_iter().map(|found| (found.setting, found.host, found.port)).collect()
    }

    fn one(setting: &str, host: Option<&str>, port: Option<u16>) -> (String, Option<String>, Option<u16>) {
        (setting.to_owned(), host.map(str::to_owned), port)
    }

    #[test]
    fn hosts_and_ports_are_read_and_nothing_else() {
        assert!(ADDRESS.is_some() && NAMED.is_some());
        assert_eq!(told("DB_HOST", "db"), [one("DB_HOST", Some("db"), None)]);
        assert_eq!(told("DB_PORT", "5432"), [one("DB_PORT", None, Some(5432))]);
        assert_eq!(told("URL", "redis://user:secret@cache:6379/0"), [one("URL", Some("cache"), Some(6379))]);
        assert_eq!(told("BROKERS", "kafka-0:9092,kafka-1:9092").len(), 2);
        let file =
            "upstream api {\n  # old-api:80\n  server api:8080;\n}\nlocation / { proxy_pass http://web; }";
        assert_eq!(
            told("nginx.conf", file),
            [one("nginx.conf", Some("api"), Some(8080)), one("nginx.conf", Some("web"), None)]
        );
        let yaml = "database:\n  host: db\n  port: 5432\n  password: hunter2";
        assert_eq!(told("app.yaml", yaml), [one("host", Some("db"), None), one("port", None, Some(5432))]);
        for (key, value) in [
            ("GREETING", "hello"),
            ("PASSWORD", "hunter2"),
            ("LEVEL", "debug"),
            ("TTL", "300"),
            ("TIME", "12:30"),
            ("SERVER_TOKEN", "abc"),
        ] {
            assert_eq!(told(key, value), [], "{key}");
        }
    }

    #[test]
    fn a_connection_string_of_libpq_names_its_host() {
        let told = addresses("pgbouncer.ini", "[databases]\n* = host=catalog port=5432 auth_user=pooler\n");
        let found: Vec<_> = told.iter().map(|own| (own.host.as_deref(), own.port)).collect();
        assert_eq!(found, [(Some("catalog"), Some(5432))]);
        let told = addresses("app.properties", "redis.host=cache:6379\nretries=3\n");
        assert_eq!(told[0].port, Some(6379));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for (key, value) in [
            ("DB_HOST", "db"),
            ("DB_PORT", "5432"),
            ("nginx.conf", "server api:8080;\nproxy_pass http://web;"),
            ("app.yaml", "host: db\nport: 5432\nurl: http://web"),
        ] {
            let found = addresses(key, value);
            let again = addresses(key, &written(&found.iter().collect::<Vec<_>>()));
            assert_eq!(found, again, "{value}");
        }
    }

    #[test]
    fn a_huge_value_is_bounded() {
        let value: String = (0..20_000).map(|number| format!("host-{number}:80\n")).collect();
        assert_eq!(addresses("hosts", &value).len(), 32);
    }
}

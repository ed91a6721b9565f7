//! How programs word that a setting has a value of the wrong kind, or none. Pure.

use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::diagnose::codes::{self, Code};

/// Longest name or value that is taken for one, bytes.
const MAX_TEXT: usize = 120;

/// Values of the wrong kind. `N` stands for the setting's name, `V` for the value, `E` for the name of an environment variable.
const INVALID: &[&str] = &[
    // Python
    r"ValueError: invalid literal for int\(\) with base \d+: '(V)'",
    r"ValueError: could not convert string to float: '(V)'",
    r#"environment variable ["'](N)["'] (?:is )?invalid"#,
    r"Input should be .{1,80}\[type=\w+, input_value='?(V)'?,",
    // Go
    r"(?:converting|assigning) (N) to \w+: converting '(V)' to type",
    r#"strconv\.(?:Parse\w+|Atoi): parsing "(V)": (?:invalid syntax|value out of range)"#,
    r#"time: (?:invalid duration|unknown unit "[^"]{1,20}" in duration|missing unit in duration) "(V)""#,
    r#"invalid (?:boolean )?value "(V)" for (?:flag )?-{1,2}(N)"#,
    r#"invalid argument "(V)" for "(?:-\w, )?--(N)" flag"#,
    r#"parse error on field "(N)" of type"#,
    r"cannot unmarshal \w+ into Go struct field (N)",
    r"cannot unmarshal !!\w+ `(V)` into",
    // Java
    r#"NumberFormatException: (?:For input string|Cannot parse null string): "?(V)"?(?:$|\s)"#,
    r"Failed to bind properties under '(N)'",
    r"DateTimeParseException: Text '(V)' could not be parsed",
    r"Invalid boolean value ['\[](V)['\]]",
    r"(N) has type \w+ rather than \w+",
    r#"Expected an? \w+ value, got "(V)""#,
    // Node
    r"options\.port should be .{1,60}Received (?:type \w+ \()?'?(V)'?\)?\.?(?:$|\s)",
    r#"(N): must be of type \w+: value was "(V)""#,
    // .NET
    r"Failed to convert configuration value(?: '(?P<value>[^']*)')? at '(N)' to type",
    r"The input string '(V)' was not in a correct format",
    r"String '(V)' was not recognized as a valid (?:TimeSpan|DateTime|Boolean)",
    // Ruby, Rust
    r#"invalid value for (?:Integer|Float)\(\): "(V)""#,
    r#"invalid type: string "(V)", expected (?:an? )?(?:[iuf]\d+|integer|boolean|floating point \w+)(?: for key [`'"](N)[`'"])?"#,
    // Servers
    r#"invalid value for parameter "(N)": "?(V)"?(?:$|\s)"#,
    r#"unrecognized configuration parameter "(N)""#,
    r"unknown variable '(N)(?:=(V))?'",
    r#"(?:unknown directive|invalid number of arguments in|invalid value in) "(N)""#,
    // In plain words
    r#"(?:environment variable|env var|config(?:uration)?(?: key| value| property| option| parameter| setting)?|setting|property|option|parameter|flag) ["'`]?(N)["'`]? (?:must|should|has to|needs to) be (?:an? |one of|set to|in |between|greater|less|positive|at least|at most|either)"#,
    r"\b(E)(?: environment variable)?:? (?:must|should|has to|needs to) be (?:an? |one of|set to|in |between|greater|less|positive|at least|at most|either|true|valid)",
    r#"(?:invalid|illegal|bad|malformed|unsupported|unparsable|cannot parse|could not parse|couldn't parse|failed to parse|unable to parse|error parsing)(?: value)?(?: (?:["'`](V)["'`]|\S{1,80}))?(?: (?:for|of|in))? (?:env(?:ironment)? var(?:iable)? |setting |variable )?["'`$]?(E)\b"#,
    r#"\b(E)\b["'`:=]{0,2} ?(?:is )?(?:invalid|not a valid|not an integer|not a number|malformed)"#,
];

/// Values that are not there.
const MISSING: &[&str] = &[
    r"KeyError: '(E)'",
    r"required key (N) missing value",
    r"Could not resolve placeholder '(N)'",
    r"No configuration setting found for key '(N)'",
    r"config property (N) is required but",
    r#"key not found: "(E)""#,
    r#"Environment variable not found: "(N)""#,
    r"missing field `(N)`",
    r"\b(N): (?:unbound variable|parameter not set|parameter null or not set)",
    r#"(?:environment variable|env var|setting|config(?:uration)? (?:key|value|option|property|parameter)) ["'`]?(N)["'`]? (?:is |was )?(?:not (?:set|found|defined|provided|configured)|missing|required|unset|empty|undefined)"#,
    r#"\b(E)["'`]?(?: environment variable| env var)? (?:(?:is |was )(?:not (?:set|found|defined|provided|configured|specified)|missing|required|unset|empty|undefined)|(?:must|has to|needs to|should) be (?:set|defined|provided|specified|configured)\b)"#,
    r#"\b(E)["'`]? (?:not set|not defined|not configured|missing)\b"#,
    r#"(?:missing|undefined|unset|required)(?: required)?(?: environment| env| config(?:uration)?)? (?:variables?|vars?|keys?|settings?|property|properties|values?|parameters?)(?: for)?:? ["'`]?(E)\b"#,
    r"(?:must|need to|have to|please) (?:specify|set|provide|define|configure) (?:the |one of )?(?:environment variable )?(E)\b",
];

/// All wordings, and which code each has.
struct Wordings {
    quick: RegexSet,
    each: Vec<Wording>,
}

/// Few are ever met, so the expression that takes the words apart is compiled when its wording is.
struct Wording {
    code: Code,
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
}

static WORDINGS: LazyLock<Option<Wordings>> = LazyLock::new(|| {
    let invalid = INVALID.iter().map(|wording| (codes::LOG_CONFIG_INVALID, wording));
    let missing = MISSING.iter().map(|wording| (codes::LOG_CONFIG_MISSING, wording));
    let each: Vec<Wording> = invalid
        .chain(missing)
        .map(|(code, wording)| Wording { code, pattern: written(wording), compiled: OnceLock::new() })
        .collect();
    let patterns = each.iter().map(|wording| wording.pattern.as_str());
    let quick = RegexSetBuilder::new(patterns).case_insensitive(true).unicode(false).build().ok()?;
    Some(Wordings { quick, each })
});

impl Wording {
    fn compiled(&self) -> Option<&Regex> {
        let compile = || RegexBuilder::new(&self.pattern).case_insensitive(true).unicode(false).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }
}

fn written(wording: &str) -> String {
    let names = [
        ("(N)", r"(?P<name>[A-Za-z][A-Za-z0-9_.\[\]-]*(?::[A-Za-z0-9_.\[\]-]+)*)"),
        ("(E)", "(?P<name>(?-i:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+))"),
        ("(V)", r#"(?P<value>[^"'`]*?)"#),
    ];
    names.iter().fold(wording.to_owned(), |wording, (short, long)| wording.replace(short, long))
}

/// A setting that a line complains about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting<'l> {
    /// Whether it has no value, instead of one of the wrong kind.
    pub(super) missing: bool,
    pub(super) name: Option<&'l str>,
    pub(super) value: Option<&'l str>,
}

/// The setting that a line complains about.
pub(super) fn read(line: &str) -> Option<Setting<'_>> {
    let wordings = WORDINGS.as_ref()?;
    wordings.quick.matches(line.as_bytes()).into_iter().find_map(|index| {
        let wording = wordings.each.get(index)?;
        let found = wording.compiled()?.captures(line.as_bytes())?;
        let group = |name| {
            let text = std::str::from_utf8(found.name(name)?.as_bytes()).ok()?;
            Some(text).filter(|text| text.len() <= MAX_TEXT)
        };
        let missing = wording.code == codes::LOG_CONFIG_MISSING;
        Some(Setting { missing, name: group("name"), value: group("value") })
    })
}

#[cfg(test)]
mod tests {
    use super::{INVALID, MISSING, WORDINGS, read};

    #[test]
    fn every_wording_compiles() {
        let all = WORDINGS.as_ref().unwrap();
        assert_eq!(all.each.len(), INVALID.len() + MISSING.len());
        assert!(all.each.iter().all(|wording| wording.compiled().is_some()));
    }

    /// Whether it is missing, its name, its value.
    type Told = (bool, Option<&'static str>, Option<&'static str>);

    const CASES: &[(&str, Told)] = &[
        ("ValueError: invalid literal for int() with base 10: '15m'", (false, None, Some("15m"))),
        ("ValueError: could not convert string to float: 'high'", (false, None, Some("high"))),
        ("strconv.ParseInt: parsing \"15m\": invalid syntax", (false, None, Some("15m"))),
        ("strconv.Atoi: parsing \"x\": invalid syntax", (false, None, Some("x"))),
        ("time: invalid duration \"15 minutes\"", (false, None, Some("15 minutes"))),
        ("time: missing unit in duration \"15\"", (false, None, Some("15"))),
        (
            "envconfig.Process: assigning APP_PORT to Port: converting 'http' to type int",
            (false, Some("APP_PORT"), Some("http")),
        ),
        ("invalid value \"abc\" for flag -workers: parse error", (false, Some("workers"), Some("abc"))),
        (
            "Error: invalid argument \"abc\" for \"--workers\" flag: strconv",
            (false, Some("workers"), Some("abc")),
        ),
        ("java.lang.NumberFormatException: For input string: \"15m\"", (false, None, Some("15m"))),
        (
            "Failed to bind properties under 'server.port' to java.lang.Integer",
            (false, Some("server.port"), None),
        ),
        (
            "Text '15 minutes' could not be parsed; DateTimeParseException: Text '15 minutes' could not be parsed",
            (false, None, Some("15 minutes")),
        ),
        ("options.port should be >= 0 and < 65536. Received type number (NaN).", (false, None, Some("NaN"))),
        (
            "Failed to convert configuration value 'abc' at 'Cache:Size' to type 'System.Int32'.",
            (false, Some("Cache:Size"), Some("abc")),
        ),
        ("The input string 'abc' was not in a correct format.", (false, None, Some("abc"))),
        ("invalid value for Integer(): \"abc\" (ArgumentError)", (false, None, Some("abc"))),
        ("invalid type: string \"abc\", expected u16 for key `port`", (false, Some("port"), Some("abc"))),
        (
            "FATAL:  invalid value for parameter \"work_mem\": \"lots\"",
            (false, Some("work_mem"), Some("lots")),
        ),
        ("FATAL:  unrecognized configuration parameter \"work_men\"", (false, Some("work_men"), None)),
        ("[ERROR] unknown variable 'max_conections=5'", (false, Some("max_conections"), Some("5"))),
        (
            "nginx: [emerg] unknown directive \"sever\" in /etc/nginx/nginx.conf:3",
            (false, Some("sever"), None),
        ),
        ("LOG_LEVEL must be one of debug, info", (false, Some("LOG_LEVEL"), None)),
        ("env var CACHE_TTL should be a number", (false, Some("CACHE_TTL"), None)),
        ("invalid value for CACHE_TTL", (false, Some("CACHE_TTL"), None)),
        ("CACHE_TTL is not a valid duration", (false, Some("CACHE_TTL"), None)),
        ("KeyError: 'DB_URL'", (true, Some("DB_URL"), None)),
        ("required key APP_PORT missing value", (true, Some("APP_PORT"), None)),
        (
            "Could not resolve placeholder 'payment.url' in value \"${payment.url}\"",
            (true, Some("payment.url"), None),
        ),
        ("environment variable \"DB_URL\" is not set", (true, Some("DB_URL"), None)),
        ("DB_URL is required", (true, Some("DB_URL"), None)),
        ("DB_URL must be set", (true, Some("DB_URL"), None)),
        ("cannot start: key DB_URL is not set", (true, Some("DB_URL"), None)),
        ("Missing required environment variable: DB_URL", (true, Some("DB_URL"), None)),
        ("/entry.sh: line 3: DB_URL: unbound variable", (true, Some("DB_URL"), None)),
        ("You must specify DB_PASSWORD to a non-empty value", (true, Some("DB_PASSWORD"), None)),
        ("Error: missing field `listen`", (true, Some("listen"), None)),
    ];

    #[test]
    fn the_words_of_common_languages_name_the_setting_and_its_value() {
        for &(line, (missing, name, value)) in CASES {
            let setting = read(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((setting.missing, setting.name, setting.value), (missing, name, value), "{line}");
        }
    }

    #[test]
    fn ordinary_lines_are_about_no_setting() {
        let lines = [
            "DB_URL is set",
            "loaded 12 settings",
            "listening on port 8080",
            "KeyError: 'customer'",
            "user must be an administrator",
            "connection refused",
            "request body must be a valid JSON document",
            "",
        ];
        for line in lines {
            assert_eq!(read(line), None, "{line}");
        }
    }
}

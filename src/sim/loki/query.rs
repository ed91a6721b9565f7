//! The subset of LogQL that is understood: `{label="value", …} |= "text" !~ "pattern" …`.

use std::collections::BTreeMap;

use regex::Regex;

/// Longest query that is read.
const MAX_QUERY: usize = 8 * 1024;
/// Largest compiled pattern, in bytes.
const MAX_PATTERN: usize = 256 * 1024;

/// How a label or a line is compared.
#[derive(Debug, Clone)]
enum Test {
    Is(String),
    IsNot(String),
    Like(Regex),
    Unlike(Regex),
}

/// A log query.
#[derive(Debug, Clone)]
pub(super) struct LogQuery {
    labels: Vec<(String, Test)>,
    lines: Vec<Test>,
}

impl LogQuery {
    /// Parses a query.
    ///
    /// # Errors
    /// Loki's own sentence about the first thing that is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_QUERY {
            return Err(format!("max query size exceeded: {} > {MAX_QUERY}", text.len()));
        }
        let mut scanner = Scanner { text, at: 0 };
        let labels = scanner.selector()?;
        let mut lines = Vec::new();
        while !scanner.is_done() {
            lines.push(scanner.line_filter()?);
        }
        if !labels.iter().any(|(_, test)| !test.accepts("")) {
            return Err("parse error : queries require at least one regexp or equality matcher that does not have an \
                        empty-compatible value. For instance, app=~\".*\" does not meet this requirement, but \
                        app=~\".+\" will"
                .to_owned());
        }
        Ok(Self { labels, lines })
    }

    /// Whether a stream is meant.
    pub(super) fn wants_stream(&self, labels: &BTreeMap<&str, String>) -> bool {
        self.labels
            .iter()
            .all(|(name, test)| test.accepts(labels.get(name.as_str()).map_or("", String::as_str)))
    }

    /// Whether a line passes all filters.
    pub(super) fn wants_line(&self, line: &str) -> bool {
        self.lines.iter().all(|test| test.finds(line))
    }
}

impl Test {
    /// Compares a whole value.
    fn accepts(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted == value,
            Self::IsNot(unwanted) => unwanted != value,
            Self::Like(pattern) => pattern.is_match(value),
            Self::Unlike(pattern) => !pattern.is_match(value),
        }
    }

    /// Looks inside a line.
    fn finds(&self, line: &str) -> bool {
        match self {
            Self::Is(wanted) => line.contains(wanted.as_str()),
            Self::IsNot(unwanted) => !line.contains(unwanted.as_str()),
            Self::Like(pattern) => pattern.is_match(line),
            Self::Unlike(pattern) => !pattern.is_match(line),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn is_done(&mut self) -> bool {
        self.skip_blanks();
        self.rest().is_empty()
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn unexpected(&self) -> String {
        let line = self.text.get(..self.at).unwrap_or("").matches('\n').count() + 1;
        match self.rest().chars().next() {
            None => format!("parse error at line {line}, col {}: syntax error: unexpected $end", self.at + 1),
            Some(c) => {
                format!("parse error at line {line}, col {}: syntax error: unexpected {c:?}", self.at + 1)
            }
        }
    }

    fn selector(&mut self) -> Result<Vec<(String, Test)>, String> {
        if !self.take("{") {
            return Err(self.unexpected());
        }
        let mut labels = Vec::new();
        while !self.take("}") {
            if !labels.is_empty() && !self.take(",") {
                return Err(self.unexpected());
            }
            labels.push(self.matcher()?);
        }
        Ok(labels)
    }

    fn matcher(&mut self) -> Result<(String, Test), String> {
        self.skip_blanks();
        let name: String =
            self.rest().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            return Err(self.unexpected());
        }
        self.at += name.len();
        let operator =
            ["=~", "!~", "!=", "="].into_iter().find(|op| self.take(op)).ok_or_else(|| self.unexpected())?;
        let value = self.quoted()?;
        Ok((name, test(operator, value, true)?))
    }

    fn line_filter(&mut self) -> Result<Test, String> {
        let operator =
            ["|=", "|~", "!=", "!~"].into_iter().find(|op| self.take(op)).ok_or_else(|| self.unexpected())?;
        let value = self.quoted()?;
        let operator = match operator {
            "|=" => "=",
            "|~" => "=~",
            other => other,
        };
        test(operator, value, false)
    }

    fn quoted(&mut self) -> Result<String, String> {
        if self.take("`") {
            let Some(end) = self.rest().find('`') else { return Err(self.unterminated()) };
            let value = self.rest().get(..end).unwrap_or("").to_owned();
            self.at += end + 1;
            return Ok(value);
        }
        if !self.take("\"") {
            return Err(self.unexpected());
        }
        let mut value = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((offset, c)) = characters.next() {
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                    Some((_, other)) => return Err(format!("parse error : invalid char escape {other:?}")),
                    None => return Err(self.unterminated()),
                },
                other => value.push(other),
            }
        }
        Err(self.unterminated())
    }

    fn unterminated(&self) -> String {
        format!("parse error at line 1, col {}: literal not terminated", self.at)
    }
}

fn test(operator: &str, value: String, whole: bool) -> Result<Test, String> {
    let pattern = |value: &str| {
        let text = if whole { format!("^(?s:{value})$") } else { value.to_owned() };
        regex::RegexBuilder::new(&text).size_limit(MAX_PATTERN).build().map_err(|_| {
            format!("parse error : error parsing regexp: invalid or too large pattern: `{value}`")
        })
    };
    Ok(match operator {
        "=" => Test::Is(value),
        "!=" => Test::IsNot(value),
        "=~" => Test::Like(pattern(&value)?),
        _ => Test::Unlike(pattern(&value)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> BTreeMap<&'static str, String> {
        BTreeMap::from([("namespace", "shop".to_owned()), ("app", "checkout".to_owned())])
    }

    #[test]
    fn streams_are_picked_by_all_four_operators() {
        for (query, wanted) in [
            (r#"{namespace="shop"}"#, true),
            (r#"{namespace="shop", app!="checkout"}"#, false),
            (r#"{ app =~ "check.*" }"#, true),
            (r#"{namespace="shop",app=~"heck"}"#, false),
            (r#"{namespace="shop",app!~"cart|web"}"#, true),
            (r#"{namespace="shop",pod="x"}"#, false),
        ] {
            assert_eq!(LogQuery::parse(query).unwrap().wants_stream(&stream()), wanted, "{query}");
        }
    }

    #[test]
    fn lines_pass_only_if_every_filter_agrees() {
        let query =
            LogQuery::parse("{app=\"x\"} |= \"error\" != \"ignored\" |~ `time(out|d)` !~ \"(?i)debug\"")
                .unwrap();
        assert!(query.wants_line("error: timeout"));
        assert!(!query.wants_line("error: timeout ignored"));
        assert!(!query.wants_line("error: timeout DEBUG"));
        assert!(!query.wants_line("error: gone"));
    }

    #[test]
    fn garbage_is_refused_with_a_sentence() {
        for garbage in [
            "",
            "{",
            "}",
            "{}",
            "{app}",
            "{app=}",
            "{app=\"x}",
            "{app=\"x\"",
            "{app=\"x\"} |",
            "{app=\"x\"} | json",
            "{app=~\"(\"}",
            "{app=~\".*\"}",
            "{app=\"x\",}",
            "rate({app=\"x\"}[5m])",
            "{app=\"\\q\"}",
            "{é=\"x\"}",
            "{app=\"x\"} |= `",
            "{app=~\"(a{1000}){1000}\"}",
        ] {
            assert!(LogQuery::parse(garbage).is_err(), "{garbage}");
        }
        assert!(LogQuery::parse(&"{".repeat(100_000)).is_err());
    }
}

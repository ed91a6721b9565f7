//! LogQL of a model, kept within the permitted namespaces.
//!
//! There is no parser of LogQL to lean on. Outside of strings a brace opens nothing but a stream selector, so every brace
//! has to begin a selector that is plain in every character and names one permitted namespace by equality. What makes
//! other readings of the text possible (comments, single quotes) is refused.

use super::promql::refusal;
use super::{Access, ToolError};

/// Longest query, bytes.
pub(super) const LONGEST: usize = 4096;

/// Lets a query pass, or says what to change.
///
/// # Errors
/// [`ToolError::Arguments`] where it cannot be understood, [`ToolError::Denied`] where it would show another namespace.
pub(super) fn check(text: &str, access: &Access) -> Result<(), ToolError> {
    if text.trim().is_empty() {
        return Err(wrong(
            "it is empty; give LogQL, as in {namespace=\"shop\", pod=~\"checkout-.*\"} |= \"error\"",
        ));
    }
    if text.len() > LONGEST {
        return Err(wrong(&format!("it is longer than {LONGEST} bytes; split it")));
    }
    let Access::Namespaces(_) = access else { return Ok(()) };
    let mut scanner = Scanner { rest: text };
    let mut selectors = 0;
    while let Some(next) = scanner.rest.chars().next() {
        match next {
            '{' => {
                scanner.selector(access)?;
                selectors += 1;
            }
            '"' | '`' => {
                scanner.string()?;
            }
            '#' | '\'' => {
                return Err(wrong(&format!("{next:?} is not taken outside of strings; leave comments out")));
            }
            '/' if scanner.rest.starts_with("//") || scanner.rest.starts_with("/*") => {
                return Err(wrong("comments are not taken; leave them out"));
            }
            '}' => return Err(wrong("a } closes nothing")),
            _ => scanner.skip(next),
        }
    }
    if selectors == 0 {
        return Err(wrong("it has no stream selector; begin with {namespace=\"…\"}"));
    }
    Ok(())
}

fn wrong(what: &str) -> ToolError {
    ToolError::Arguments(format!("query: {what}"))
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip(&mut self, character: char) {
        self.rest = self.rest.get(character.len_utf8()..).unwrap_or_default();
    }

    fn take(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let found = self.rest.strip_prefix(token);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// A string as it is written, without its quotes.
    fn string(&mut self) -> Result<&'a str, ToolError> {
        self.rest = self.rest.trim_start();
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '"' | '`'));
        let quote =
            quote.ok_or_else(|| wrong("a label's value is no string in double quotes or backticks"))?;
        self.skip(quote);
        let mut escaped = false;
        let end = self.rest.char_indices().find(|(_, character)| {
            let ends = *character == quote && !escaped;
            escaped = *character == '\\' && !escaped && quote == '"';
            ends
        });
        let (end, _) = end.ok_or_else(|| wrong("a string is not closed"))?;
        let inside = self.rest.get(..end).unwrap_or_default();
        if quote == '"' && inside.contains('\n') {
            return Err(wrong("a string in double quotes has a line break"));
        }
        self.rest = self.rest.get(end + quote.len_utf8()..).unwrap_or_default();
        Ok(inside)
    }

    /// `{name="value", …}` with one permitted namespace in it.
    fn selector(&mut self, access: &Access) -> Result<(), ToolError> {
        let whole = self.rest;
        let (mut first, mut named) = (true, false);
        self.take("{");
        while !self.take("}") {
            if !first && !self.take(",") {
                return Err(wrong("a stream selector has something else than label=\"value\" pairs"));
            }
            if !first && self.take("}") {
                break;
            }
            first = false;
            named |= self.matcher(access)?;
        }
        let selector = whole.get(..whole.len() - self.rest.len()).unwrap_or_default();
        if named { Ok(()) } else { Err(refusal(selector, access)) }
    }

    /// Whether the matcher names a permitted namespace. The value must be plain: an escape is no name.
    fn matcher(&mut self, access: &Access) -> Result<bool, ToolError> {
        self.rest = self.rest.trim_start();
        let length =
            self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        if name.is_empty() {
            return Err(wrong("a stream selector has something else than label=\"value\" pairs"));
        }
        self.rest = rest;
        let operator = ["=~", "!~", "!=", "="].into_iter().find(|operator| self.take(operator));
        let operator = operator.ok_or_else(|| wrong("a label has no =, !=, =~ or !~ after it"))?;
        let value = self.string()?;
        Ok(name == "namespace" && operator == "=" && access.check(value).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LONGEST, check};
    use crate::agents::tools::{Access, ToolError};

    fn shop() -> Access {
        Access::Namespaces(BTreeSet::from(["shop".to_owned()]))
    }

    #[test]
    fn queries_of_permitted_namespaces_pass() {
        for text in [
            r#"{namespace="shop"}"#,
            r#"{ namespace = "shop" , pod =~ `checkout-.*`, } |= "error" != "{namespace=\"x\"}" | json | line_format "{{.msg}}""#,
            r#"sum by (pod) (rate({namespace="shop"} |~ "(?i)error" [5m])) / 2"#,
            r#"rate({namespace="shop"}[1m]) / rate({namespace="shop",pod!="x"}[1m])"#,
            r#"{namespace="shop"} |= `}{`"#,
            r#"{namespace="shop",namespace=~"kube.*"}"#,
        ] {
            assert!(check(text, &shop()).is_ok(), "{text}: {:?}", check(text, &shop()));
        }
    }

    #[test]
    fn what_would_show_another_namespace_is_refused() {
        for text in [
            r#"{pod="x"}"#,
            "{}",
            r#"{namespace="kube-system"}"#,
            r#"{namespace=~"shop"}"#,
            r#"{namespace=~"shop|kube-system"}"#,
            r#"{namespace!="shop"}"#,
            r#"{namespace=""}"#,
            r#"{xnamespace="shop"}"#,
            r#"rate({namespace="shop"}[1m]) or rate({namespace="kube-system"}[1m])"#,
            r#"rate({namespace="shop"}[1m]) / rate({job=~".+"}[1m])"#,
            r#"{job=~".+"} |= "{namespace=\"shop\"}""#,
            r#"{job=~".+"} | namespace="shop""#,
            r#"{pod="namespace=\"shop\""}"#,
            r#"{pod=`"`, job=~".+"} |= `,namespace="shop"`"#,
            r#"{namespace="\u0073hop"}"#,
        ] {
            match check(text, &shop()) {
                Err(ToolError::Denied(why)) => assert!(why.contains(r#"namespace="shop""#), "{text}: {why}"),
                other => panic!("{text}: {other:?}"),
            }
            assert!(check(text, &Access::Everything).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_and_garbage_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        for text in [
            "",
            " ",
            "{",
            "}",
            "{namespace=\"shop\"",
            "{namespace=\"shop",
            "{namespace}",
            "{namespace=shop}",
            "{namespace=\"shop\" job=\"x\"}",
            "{\"namespace\"=\"shop\"}",
            "{namespace=\"shop\"} # {job=~\".+\"}",
            "# \"\n{job=~\".+\"} |= \"{namespace=\"",
            "// \"\n{namespace=\"shop\"}",
            "/* \" */ {namespace=\"shop\"}",
            "'\"' {namespace=\"shop\"}",
            "{namespace=\"shop\n\"}",
            "vector(1)",
            "é\u{0}",
            &long,
        ] {
            assert!(
                matches!(check(text, &shop()), Err(ToolError::Arguments(_))),
                "{text:.60}: {:?}",
                check(text, &shop())
            );
        }
    }
}

//! PromQL of a model: understood before it is sent, and kept within the permitted namespaces.
//!
//! Where only some namespaces may be read, every selector has to name one of them by equality. What is sent then is not
//! the text that came but the text of what was understood, so that another reading of the same text by the server (a
//! comment, an escape) cannot smuggle in a selector that was not seen here.
//!
//! A series counts as of the namespace in its `namespace` label. Where kube-state-metrics is scraped without
//! `honor_labels`, that label names the namespace of the exporter; then do not permit that namespace to people who may
//! not see the others.

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector, parse};

use super::{Access, ToolError};

/// Longest expression, bytes.
pub(super) const LONGEST: usize = 4096;

/// Most operators and brackets: the tree is walked recursively, and no person nests deeper.
const MOST_OPERATORS: usize = 300;

/// The expression to send.
///
/// # Errors
/// [`ToolError::Arguments`] where it is not understood, [`ToolError::Denied`] where it would show another namespace.
pub(super) fn permitted(text: &str, access: &Access) -> Result<String, ToolError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ToolError::Arguments("query: it is empty; give a PromQL expression".to_owned()));
    }
    if text.len() > LONGEST || operators(text) > MOST_OPERATORS {
        return Err(ToolError::Arguments(format!(
            "query: it is too long (at most {LONGEST} bytes and {MOST_OPERATORS} operators and brackets); split it"
        )));
    }
    let parsed = read(text);
    let Access::Namespaces(_) = access else {
        // Where all may be read the server, which tells the place better, may refuse what is not understood here.
        return match parsed.err().and_then(|_| place(text)) {
            Some(place) => Err(ToolError::Arguments(format!("query: {place}"))),
            None => Ok(text.to_owned()),
        };
    };
    let mut expression = parsed.map_err(|error| not_understood(text, &error))?;
    check(&expression, access)?;
    sort(&mut expression);
    let sent = expression.to_string();
    let again = read(&sent).map(|mut again| {
        sort(&mut again);
        again
    });
    match again {
        Ok(again) if again == expression => Ok(sent),
        _ => Err(ToolError::Arguments(
            "query: it can be read in more than one way; write it more simply".to_owned(),
        )),
    }
}

/// Parses. The parser panics on lengths of time that are no lengths, as in `up[1e300]`.
fn read(text: &str) -> Result<Expr, String> {
    std::panic::catch_unwind(|| parse(text))
        .unwrap_or_else(|_| Err("a length of time is out of bounds".to_owned()))
}

fn operators(text: &str) -> usize {
    let signs = text.bytes().filter(|byte| b"([{-+*/%^<>=!@".contains(byte)).count();
    let words = ["or", "and", "unless", "atan2"];
    signs + text.split_whitespace().filter(|word| words.contains(&word.to_ascii_lowercase().as_str())).count()
}

fn not_understood(text: &str, error: &str) -> ToolError {
    let error: String = error.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    let place = place(text).map(|place| format!(" ({place})")).unwrap_or_default();
    ToolError::Arguments(format!("query: it is not PromQL: {error}{place}"))
}

/// Where a bracket or a string is not closed, or closed and not open.
fn place(text: &str) -> Option<String> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut characters = text.chars().enumerate();
    while let Some((at, character)) = characters.next() {
        match character {
            '(' | '[' | '{' => open.push((character, at)),
            ')' | ']' | '}' => match open.pop() {
                Some(('(', _)) if character == ')' => {}
                Some(('[', _)) if character == ']' => {}
                Some(('{', _)) if character == '}' => {}
                Some((opened, from)) => {
                    return Some(format!(
                        "at column {}: {character:?} does not close the {opened:?} of column {}",
                        at + 1,
                        from + 1
                    ));
                }
                None => return Some(format!("at column {}: {character:?} closes nothing", at + 1)),
            },
            '"' | '\'' | '`' => {
                let mut escaped = false;
                let closed = characters.by_ref().any(|(_, next)| {
                    let ends = next == character && !escaped;
                    escaped = next == '\\' && !escaped && character != '`';
                    ends
                });
                if !closed {
                    return Some(format!("at column {}: the string is not closed", at + 1));
                }
            }
            _ => {}
        }
    }
    open.pop().map(|(opened, from)| format!("at column {}: the {opened:?} is not closed", from + 1))
}

/// Every selector of the expression, wherever it stands.
fn check(expression: &Expr, access: &Access) -> Result<(), ToolError> {
    match expression {
        Expr::VectorSelector(selector) => check_selector(selector, access),
        Expr::MatrixSelector(matrix) => check_selector(&matrix.vs, access),
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter().try_for_each(|parameter| check(parameter, access))?;
            check(&aggregate.expr, access)
        }
        Expr::Unary(unary) => check(&unary.expr, access),
        Expr::Binary(binary) => {
            check(&binary.lhs, access)?;
            check(&binary.rhs, access)
        }
        Expr::Paren(paren) => check(&paren.expr, access),
        Expr::Subquery(subquery) => check(&subquery.expr, access),
        // It joins labels of other series than the one that it is given.
        Expr::Call(call) if call.func.name == "info" => Err(ToolError::Denied(
            "info() is not available where only some namespaces may be read".to_owned(),
        )),
        Expr::Call(call) => call.args.args.iter().try_for_each(|argument| check(argument, access)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(()),
        Expr::Extension(_) => {
            Err(ToolError::Denied("the expression has a part that is not known here".to_owned()))
        }
    }
}

fn check_selector(selector: &VectorSelector, access: &Access) -> Result<(), ToolError> {
    let matchers = &selector.matchers;
    let alternatives = std::iter::once(&matchers.matchers)
        .filter(|own| !own.is_empty() || matchers.or_matchers.is_empty())
        .chain(&matchers.or_matchers);
    for alternative in alternatives {
        if !alternative.iter().any(|matcher| names_one(matcher, access)) {
            return Err(refusal(&selector.to_string(), access));
        }
    }
    Ok(())
}

fn names_one(matcher: &Matcher, access: &Access) -> bool {
    matcher.name == "namespace" && matcher.op == MatchOp::Equal && access.check(&matcher.value).is_ok()
}

/// Puts matchers in order, so that two readings can be compared whatever order they are written in.
fn sort(expression: &mut Expr) {
    let order = |selector: &mut VectorSelector| {
        let matchers = &mut selector.matchers;
        for each in std::iter::once(&mut matchers.matchers).chain(&mut matchers.or_matchers) {
            each.sort_by_key(ToString::to_string);
        }
    };
    match expression {
        Expr::VectorSelector(selector) => order(selector),
        Expr::MatrixSelector(matrix) => order(&mut matrix.vs),
        Expr::Aggregate(aggregate) => {
            aggregate.param.iter_mut().for_each(|parameter| sort(parameter));
            sort(&mut aggregate.expr);
        }
        Expr::Unary(unary) => sort(&mut unary.expr),
        Expr::Binary(binary) => {
            sort(&mut binary.lhs);
            sort(&mut binary.rhs);
        }
        Expr::Paren(paren) => sort(&mut paren.expr),
        Expr::Subquery(subquery) => sort(&mut subquery.expr),
        Expr::Call(call) => call.args.args.iter_mut().for_each(|argument| sort(argument)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Says what to add to a selector.
pub(super) fn refusal(selector: &str, access: &Access) -> ToolError {
    let permitted = access.namespaces().into_iter().flatten();
    let matchers: Vec<String> = permitted.map(|namespace| format!("namespace={namespace:?}")).collect();
    let selector: String = selector.chars().take(200).collect();
    ToolError::Denied(match matchers.as_slice() {
        [] => "no namespace may be read in this conversation".to_owned(),
        [one] => format!("add {one} to the selector {selector}; other namespaces may not be read here"),
        several => format!(
            "the selector {selector} must name one permitted namespace by equality; add one of: {}",
            several.join(", ")
        ),
    })
}

#[cfg(test)]
#[path = "promql_tests.rs"]
mod tests;

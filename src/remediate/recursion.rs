//! Finds Rego functions that call themselves.
//!
//! Rego forbids recursion. regorus notices it among rules while evaluating, but not among functions, where it would run
//! until its thread's stack ends and take the process with it. So functions are checked before a policy is accepted.

use std::collections::{BTreeMap, BTreeSet};

use regorus::Source;
use regorus::unstable::{Lexer, Token, TokenKind};

/// Calls by function: the names that each function's definitions call.
type Calls = BTreeMap<String, BTreeSet<String>>;

/// The name of a function in `policy` that may call itself, directly or through others. A function is taken to begin
/// where a line outside all brackets begins with its name and a bracket, as `opa fmt` writes it.
pub(super) fn recursive_function(policy: &str) -> Option<String> {
    let calls = calls(&tokens(policy)?);
    calls.keys().find(|function| reaches(&calls, function)).cloned()
}

/// The tokens of the text; `None` where it is no Rego at all, which the parser says better.
fn tokens(policy: &str) -> Option<Vec<Token>> {
    let source = Source::from_contents("policy".to_owned(), policy.to_owned()).ok()?;
    let mut lexer = Lexer::new(&source);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token().ok()?;
        if token.0 == TokenKind::Eof {
            return Some(tokens);
        }
        tokens.push(token);
    }
}

fn calls(tokens: &[Token]) -> Calls {
    let mut calls = Calls::new();
    let (mut depth, mut line, mut function) = (0_usize, 0, None::<String>);
    for (at, Token(kind, span)) in tokens.iter().enumerate() {
        let text = span.text();
        let begins_line = std::mem::replace(&mut line, span.line) != span.line;
        match text {
            "(" | "[" | "{" if *kind == TokenKind::Symbol => depth += 1,
            ")" | "]" | "}" if *kind == TokenKind::Symbol => depth = depth.saturating_sub(1),
            _ => {}
        }
        if *kind != TokenKind::Ident {
            continue;
        }
        let is_called = tokens.get(at + 1).is_some_and(|next| next.1.text() == "(");
        if depth == 0 && begins_line {
            function = is_called.then(|| text.to_owned());
        } else if let Some(function) = function.as_ref().filter(|_| is_called && is_ours(tokens, at)) {
            calls.entry(function.clone()).or_default().insert(text.to_owned());
        }
    }
    calls
}

/// A name with a prefix is a function of a library (`glob.match`) unless the prefix is `data`, the policy's own root.
fn is_ours(tokens: &[Token], at: usize) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.1.text());
    let mut first = at;
    while first >= 2 && text(first - 1) == "." {
        first -= 2;
    }
    first == at || text(first) == "data"
}

fn reaches(calls: &Calls, function: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![function]);
    while let Some(name) = open.pop() {
        let Some(called) = calls.get(name) else { continue };
        if called.contains(function) {
            return true;
        }
        open.extend(called.iter().map(String::as_str).filter(|name| seen.insert(*name)));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::recursive_function;

    #[test]
    fn functions_that_call_themselves_are_found_through_others_too() {
        let recursive = [
            "f(x) := f(x + 1)",
            "f(x) := y if {\n  y := data.p.f(x)\n}",
            "f(x) := g(x)\ng(x) := h(x)\nh(x) := 1 if f(x)",
            "a := 1\n\nf(x) if {\n  some y in x\n  not f(y)\n}",
        ];
        for policy in recursive {
            assert!(recursive_function(&format!("package p\n{policy}")).is_some(), "{policy}");
        }
    }

    #[test]
    fn other_functions_are_left_alone() {
        let sound = [
            "f(x) := 1\nf(x) := 2 if x > 1\ng := f(f(1))",
            "match(x) := glob.match(\"a\", [], x)",
            "# f(x) := f(x)\nf(x) := \"f(1)\"",
            "f(x) := g(x)\nh(x) := f(g(x))\ng(x) := x",
            "package package (((",
        ];
        for policy in sound {
            assert_eq!(recursive_function(&format!("package p\n{policy}")), None, "{policy}");
        }
        assert_eq!(recursive_function(include_str!("../../policies/remediation.rego")), None);
    }
}

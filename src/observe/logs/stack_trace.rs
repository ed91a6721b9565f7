//! Recognising stack traces of Java, Python, Go and Node in a text. Pure.

use super::super::text::{head, pattern};

/// Frames that are kept of each trace.
const MAX_FRAMES: usize = 5;

/// Longest line of an excerpt, bytes.
pub(super) const MAX_LINE: usize = 300;

/// Longest trace that is followed, lines.
const MAX_LINES: usize = 2000;

pattern!(JAVA_FRAME, r"^\s*at [\w$.<>/@-]+\([^()]*\)");
pattern!(JAVA_MORE, r"^\s*\.\.\. \d+ (?:more|common frames omitted)");
pattern!(CAUSE, r"^\s*(?:Caused by:|\[cause\]:)\s*(.+)$");
pattern!(NODE_FRAME, r"^\s+at (?:.+ \(.+\)|(?:async )?(?:file://|node:|/|[A-Za-z]:\\).*:\d+:\d+\)?)\s*\{?$");
pattern!(GO_ROUTINE, r"^goroutine \d+ \[.*\]:$");

/// A stack trace found in lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StackTrace {
    /// `java`, `python`, `go` or `node`.
    pub(super) language: &'static str,
    /// Index of its first line.
    pub(super) first: usize,
    /// Index after its last line.
    pub(super) end: usize,
    /// The line that names the exception or panic.
    pub(super) headline: String,
    /// The headline, the deepest cause where there is another one, and the first frames.
    pub(super) excerpt: String,
}

/// Finds all stack traces, in order, without overlap.
pub(super) fn stack_traces(lines: &[&str]) -> Vec<StackTrace> {
    let mut found: Vec<StackTrace> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !may_begin(line(lines, at)) {
            at += 1;
            continue;
        }
        let floor = found.last().map_or(0, |trace| trace.end);
        match python(lines, at).or_else(|| go(lines, at, floor)).or_else(|| at_frames(lines, at, floor)) {
            Some(trace) => {
                at = trace.end.max(at + 1);
                found.push(trace);
            }
            None => at += 1,
        }
    }
    found
}

/// Whether a line may be the one by which a trace is recognised; a quick look, as few lines are.
fn may_begin(text: &str) -> bool {
    text.trim_ascii_start().starts_with("at ")
        || text.starts_with("goroutine ")
        || text.contains("Traceback (most recent call last)")
}

fn line<'a>(lines: &[&'a str], at: usize) -> &'a str {
    lines.get(at).copied().unwrap_or_default()
}

fn build(
    language: &'static str,
    range: std::ops::Range<usize>,
    headline: &str,
    cause: Option<&str>,
    frames: &[&str],
) -> StackTrace {
    let cause = cause.filter(|cause| *cause != headline);
    let kept = std::iter::once(headline)
        .chain(cause)
        .chain(frames.iter().take(MAX_FRAMES).copied())
        .map(|line| head(line.trim_end(), MAX_LINE));
    StackTrace {
        language,
        first: range.start,
        end: range.end,
        headline: head(headline.trim(), MAX_LINE).to_owned(),
        excerpt: kept.collect::<Vec<_>>().join("\n"),
    }
}

/// `Traceback (most recent call last):`, indented frames, the exception; several when one was raised from another. The
/// last is the one that escaped, the first is its cause.
fn python(lines: &[&str], start: usize) -> Option<StackTrace> {
    let mut at = start;
    let mut exceptions: Vec<&str> = Vec::new();
    let mut frames: Vec<&str> = Vec::new();
    while line(lines, at).contains("Traceback (most recent call last)") && at - start < MAX_LINES {
        at += 1;
        frames.clear();
        while line(lines, at).starts_with([' ', '\t']) {
            if line(lines, at).trim_start().starts_with("File \"") {
                frames.push(line(lines, at));
            }
            at += 1;
        }
        if at < lines.len() {
            exceptions.push(line(lines, at));
            at += 1;
        }
        // A blank line, `During handling of …` or `The above exception …`, a blank line.
        let chained = line(lines, at).is_empty() && line(lines, at + 1).contains("exception");
        if chained && line(lines, at + 3).contains("Traceback (most recent call last)") {
            at += 3;
        }
    }
    // Python prints the innermost call last.
    frames.reverse();
    let headline = exceptions.last()?;
    Some(build("python", start..at, headline, exceptions.first().copied(), &frames))
}

/// `panic: …`, an empty line, `goroutine 1 [running]:`, then pairs of a call and its place.
fn go(lines: &[&str], at: usize, floor: usize) -> Option<StackTrace> {
    if !GO_ROUTINE.is_match(line(lines, at)) {
        return None;
    }
    let is_headline = |index: &usize| {
        let text = line(lines, *index);
        text.contains("panic") || text.starts_with("fatal error:")
    };
    let first = (floor.max(at.saturating_sub(6))..at).find(is_headline)?;
    let mut end = at + 1;
    let mut frames = Vec::new();
    let mut in_first_routine = true;
    while end < lines.len() && end - at < MAX_LINES {
        let text = line(lines, end);
        let place = text.starts_with('\t');
        let call = line(lines, end + 1).starts_with('\t');
        if !(place || call || text.is_empty() || GO_ROUTINE.is_match(text)) {
            break;
        }
        in_first_routine &= !text.is_empty();
        if in_first_routine && !text.starts_with("panic(") {
            frames.push(text);
        }
        end += 1;
    }
    // A frame is two lines here.
    let frames: Vec<String> =
        frames.chunks(2).map(|pair| pair.iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ")).collect();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    Some(build("go", first..end, line(lines, first), None, &frames))
}

/// Java and Node: a headline, then `at …` lines, then perhaps causes with `at …` lines of their own.
fn at_frames(lines: &[&str], at: usize, floor: usize) -> Option<StackTrace> {
    let language = match line(lines, at) {
        text if JAVA_FRAME.is_match(text) => "java",
        text if NODE_FRAME.is_match(text) => "node",
        _ => return None,
    };
    let is_frame =
        |text: &str| if language == "java" { JAVA_FRAME.is_match(text) } else { NODE_FRAME.is_match(text) };
    let first = at.checked_sub(1).filter(|first| *first >= floor)?;
    let mut end = at;
    let mut frames = Vec::new();
    let mut cause = None;
    while end < lines.len() && end - at < MAX_LINES {
        let text = line(lines, end);
        if let Some(found) = CAUSE.captures(text) {
            cause = found.get(0).map(|whole| whole.as_str().trim());
        } else if is_frame(text) {
            if cause.is_none() {
                frames.push(text);
            }
        } else if !(JAVA_MORE.is_match(text) || text.trim_start().starts_with("Suppressed:")) {
            break;
        }
        end += 1;
    }
    Some(build(language, first..end, line(lines, first), cause, &frames))
}

#[cfg(test)]
mod tests {
    use super::{StackTrace, stack_traces};

    fn only(text: &str) -> StackTrace {
        let lines: Vec<&str> = text.lines().collect();
        let found = stack_traces(&lines);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.into_iter().next().unwrap()
    }

    #[test]
    fn java_keeps_the_exception_the_deepest_cause_and_the_first_frames() {
        let trace = only(
            "starting\n\
             org.shop.StartupException: no database\n\
             \tat org.shop.App.connect(App.java:42)\n\
             \tat org.shop.App.main(App.java:7)\n\
             Caused by: org.postgresql.util.PSQLException: FATAL\n\
             \tat org.postgresql.Driver.connect(Driver.java:1)\n\
             \t... 3 more\n\
             Caused by: java.net.ConnectException: Connection refused\n\
             \tat java.base/java.net.Socket.connect(Socket.java:1)\n\
             done",
        );
        let expected = StackTrace {
            language: "java",
            first: 1,
            end: 9,
            headline: "org.shop.StartupException: no database".to_owned(),
            excerpt: "org.shop.StartupException: no database\n\
                      Caused by: java.net.ConnectException: Connection refused\n\
                      \tat org.shop.App.connect(App.java:42)\n\
                      \tat org.shop.App.main(App.java:7)"
                .to_owned(),
        };
        assert_eq!(trace, expected);
    }

    #[test]
    fn python_keeps_the_escaped_exception_its_cause_and_the_innermost_call_first() {
        let trace = only(
            "ERROR:root:failed\n\
             Traceback (most recent call last):\n\
             \x20 File \"a.py\", line 1, in get\n\
             \x20   return environ[key]\n\
             KeyError: 'DB_URL'\n\
             \n\
             During handling of the above exception, another exception occurred:\n\
             \n\
             Traceback (most recent call last):\n\
             \x20 File \"main.py\", line 9, in <module>\n\
             \x20   start()\n\
             \x20 File \"app.py\", line 4, in start\n\
             \x20   raise RuntimeError(\"x\")\n\
             RuntimeError: configuration incomplete\n\
             bye",
        );
        let expected = StackTrace {
            language: "python",
            first: 1,
            end: 14,
            headline: "RuntimeError: configuration incomplete".to_owned(),
            excerpt: "RuntimeError: configuration incomplete\n\
                      KeyError: 'DB_URL'\n\
                      \x20 File \"app.py\", line 4, in start\n\
                      \x20 File \"main.py\", line 9, in <module>"
                .to_owned(),
        };
        assert_eq!(trace, expected);
    }

    #[test]
    fn go_keeps_the_panic_and_the_first_routine() {
        let trace = only(
            "panic: runtime error: invalid memory address\n\
             [signal SIGSEGV: segmentation violation]\n\
             \n\
             goroutine 1 [running]:\n\
             main.load(0x0)\n\
             \t/src/main.go:12 +0x1d\n\
             main.main()\n\
             \t/src/main.go:5 +0x2a\n\
             \n\
             goroutine 7 [select]:\n\
             net.poll()\n\
             \t/go/net.go:1\n\
             exit status 2",
        );
        let expected = StackTrace {
            language: "go",
            first: 0,
            end: 12,
            headline: "panic: runtime error: invalid memory address".to_owned(),
            excerpt: "panic: runtime error: invalid memory address\n\
                      main.load(0x0) /src/main.go:12 +0x1d\n\
                      main.main() /src/main.go:5 +0x2a"
                .to_owned(),
        };
        assert_eq!(trace, expected);
    }

    #[test]
    fn node_keeps_the_error_and_its_cause() {
        let trace = only(
            "Error: cannot start\n\
             \x20   at Server.start (/app/server.js:10:5)\n\
             \x20   at async /app/index.js:3:1 {\n\
             \x20 [cause]: Error: connect ECONNREFUSED 10.0.0.1:5432\n\
             \x20     at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1494:16)\n\
             }",
        );
        assert_eq!((trace.language, trace.first, trace.end), ("node", 0, 5));
        assert_eq!(
            trace.excerpt,
            "Error: cannot start\n\
             [cause]: Error: connect ECONNREFUSED 10.0.0.1:5432\n\
             \x20   at Server.start (/app/server.js:10:5)\n\
             \x20   at async /app/index.js:3:1 {"
        );
    }

    #[test]
    fn fragments_and_garbage_are_no_panic() {
        let fragments = [
            "Traceback (most recent call last):",
            "Traceback (most recent call last):\n  File \"a\"",
            "goroutine 1 [running]:",
            "\tat a.B.c(D.java:1)",
            "    at f (/a.js:1:1)",
            "\u{0}\u{fffd}",
            "",
        ];
        for text in fragments {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(stack_traces(&lines), [], "{text}");
        }
        let endless = vec!["\tat a.B.c(D.java:1)"; 10_000];
        assert!(stack_traces(&endless).len() <= 10);
    }
}

//! `earlier_result`: an answer of a tool that had to leave the conversation.

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::kubernetes::expression;
use super::schema::schema_of;
use super::{Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::store::KeptResult;

/// The tool's name.
pub(in crate::agents) const EARLIER_RESULT: &str = "earlier_result";

/// Lines that are shown where no number is given, and at most.
const DEFAULT: usize = 100;
const MOST: usize = 1_000;

/// Longest arguments that are repeated, bytes.
const LONGEST_ARGUMENTS: usize = 1_000;

/// Left free for what is said beside the lines, bytes.
const RESERVE: usize = 200;

/// Reads an answer again.
pub(super) struct EarlierResult;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The name that stands in the place of the answer: res-….
    id: String,
    /// Only lines that match this regular expression, in any case: error|exception|panic.
    #[serde(default)]
    grep: Option<String>,
    /// The first line to show, counted from 1 among all lines, or among those that match.
    #[serde(default)]
    from: Option<usize>,
    /// How many lines to show, 1 to 1000; 100 unless set.
    #[serde(default)]
    lines: Option<usize>,
}

impl Tool for EarlierResult {
    fn name(&self) -> &'static str {
        EARLIER_RESULT
    }

    fn description(&self) -> &'static str {
        "Reads an answer of a tool again that was taken out of this conversation to save room; its name (res-…) stands in its \
         place. Use grep, from and lines to read only what you need."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move {
            let given: Arguments = arguments(given)?;
            let kept = find(&given.id, context).await?;
            shown(&kept, &given)
        })
    }
}

async fn find(id: &str, context: &ToolContext) -> Result<KeptResult, ToolError> {
    let unknown = || {
        let id: String = id.chars().take(40).collect();
        ToolError::NotFound(format!(
            "no answer {id:?} was kept in this conversation (they are kept for some days); call the tool itself again"
        ))
    };
    let about = context.keeps.as_deref().ok_or_else(unknown)?;
    let kept = context.store.kept_result(about, id.trim()).await.map_err(|error| {
        tracing::error!(%error, "a kept answer of a tool could not be read");
        ToolError::Unavailable("the store did not answer; call the tool itself again".to_owned())
    })?;
    kept.ok_or_else(unknown)
}

/// The lines that are wanted, and how to go on.
fn shown(kept: &KeptResult, given: &Arguments) -> Result<ToolOutput, ToolError> {
    let wanted = given.lines.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&wanted) {
        return Err(ToolError::Arguments(format!("lines: must be from 1 to {MOST}")));
    }
    let grep = given.grep.as_deref().filter(|grep| !grep.is_empty());
    let grep = grep.map(|grep| expression(grep, true)).transpose()?;
    let fits = |line: &&str| grep.as_ref().is_none_or(|grep| grep.is_match(line));
    let lines: Vec<&str> = kept.text.lines().filter(fits).collect();
    let (total, first) = (lines.len(), given.from.unwrap_or(1).max(1));
    if total == 0 {
        let text = format!("No line of this answer of {} matches.", kept.tool);
        return Ok(ToolOutput { text, ..ToolOutput::default() });
    }
    if first > total {
        return Err(ToolError::Arguments(format!("from: there are {total} lines")));
    }
    let mut text = format!("{} {}\n", kept.tool, cut(&kept.arguments, LONGEST_ARGUMENTS));
    let (mut next, mut long) = (first, String::new());
    for line in lines.iter().skip(first - 1).take(wanted) {
        let room = super::MOST_BYTES.saturating_sub(text.len() + RESERVE);
        if next > first && line.len() > room {
            break;
        }
        let shown = cut(line, room);
        if shown.len() < line.len() {
            long = format!("{} of the {} bytes of line {next}; ", shown.len(), line.len());
        }
        text.push_str(shown);
        text.push('\n');
        next += 1;
    }
    let more = if next <= total { format!("; go on with from={next}") } else { String::new() };
    let is_cut = next <= total || !long.is_empty();
    let cut = is_cut.then(|| format!("cut: {long}lines {first} to {} of {total} shown{more}", next - 1));
    Ok(ToolOutput { text, cut, ..ToolOutput::default() })
}

fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Arguments, shown};
    use crate::agents::tools::MOST_BYTES;
    use crate::store::KeptResult;

    fn kept(text: String) -> KeptResult {
        KeptResult {
            id: "res-a".to_owned(),
            about: "inc-a".to_owned(),
            tool: "kubernetes_logs".to_owned(),
            arguments: "{\"pod\":\"checkout\"}".to_owned(),
            text,
        }
    }

    fn asked(grep: Option<&str>, from: Option<usize>, lines: Option<usize>) -> Arguments {
        Arguments { id: "res-a".to_owned(), grep: grep.map(str::to_owned), from, lines }
    }

    fn numbered(lines: usize) -> KeptResult {
        kept((1..=lines).map(|n| format!("line {n}\n")).collect())
    }

    #[test]
    fn it_is_read_in_pieces_and_says_how_to_go_on() {
        let output = shown(&numbered(250), &asked(None, None, None)).unwrap();
        assert!(
            output.text.starts_with("kubernetes_logs {\"pod\":\"checkout\"}\nline 1\n"),
            "{}",
            output.text
        );
        assert!(output.text.ends_with("line 100\n"));
        assert_eq!(output.cut.unwrap(), "cut: lines 1 to 100 of 250 shown; go on with from=101");
        let last = shown(&numbered(250), &asked(None, Some(201), None)).unwrap();
        assert!(last.text.ends_with("line 250\n") && last.cut.is_none());
    }

    #[test]
    fn only_lines_that_match_are_counted() {
        let output = shown(&numbered(250), &asked(Some("LINE 24"), Some(3), Some(2))).unwrap();
        assert!(output.text.ends_with("}\nline 241\nline 242\n"), "{}", output.text);
        assert_eq!(output.cut.unwrap(), "cut: lines 3 to 4 of 11 shown; go on with from=5");
        let none = shown(&numbered(3), &asked(Some("panic"), None, None)).unwrap();
        assert!(none.text.contains("No line") && none.cut.is_none());
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for given in [asked(Some("("), None, None), asked(None, Some(9), None), asked(None, None, Some(0))] {
            assert!(shown(&numbered(3), &given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn it_is_bounded_like_every_answer() {
        let long = kept("x".repeat(3 * MOST_BYTES) + "\nend");
        let output = shown(&long, &asked(None, None, None)).unwrap();
        assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&output.text.len()));
        let cut = output.cut.unwrap();
        assert!(
            cut.contains("of the 49152 bytes of line 1; ") && cut.ends_with("go on with from=2"),
            "{cut}"
        );
        let many = kept(format!("{}\n", "y".repeat(1_000)).repeat(100));
        let output = shown(&many, &asked(None, None, None)).unwrap();
        assert!(output.text.len() <= MOST_BYTES && output.cut.unwrap().contains("go on with from=1"));
    }
}

//! How results look: a table for people, JSON and YAML for programs.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, ValueEnum};
use comfy_table::{Table, presets};
use jiff::Timestamp;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{text, wrap};
use crate::incident::Story;

const BOLD: Style = Style::new().bold();
const HEADING: Style = AnsiColor::Cyan.on_default().bold();

/// How results are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and prose, for people
    #[default]
    #[value(alias = "text")]
    Table,
    /// JSON, indented
    Json,
    /// YAML
    Yaml,
    /// Markdown, of a diagnosis; else like table
    Markdown,
}

/// What `-o` says: how results look, or the folder that `snapshot` writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// How results look.
    Format(Format),
    /// Where to.
    Place(PathBuf),
}

/// Reads `-o`: the name of a format, else a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(&self, _: &clap::Command, _: Option<&Arg>, value: &OsStr) -> Result<Output, clap::Error> {
        let format = value.to_str().and_then(|name| Format::from_str(name, false).ok());
        Ok(format.map_or_else(|| Output::Place(PathBuf::from(value)), Output::Format))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Format::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// Shows `value` in `format`; `table` makes the text for people, which must have passed [`text`] already.
pub(super) fn render<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table | Format::Markdown => table(value),
        Format::Json => text::json(&serde_json::to_string_pretty(value)?) + "\n",
        Format::Yaml => text::lines(&serde_saphyr::to_string(value)?),
    })
}

/// Prints to standard output. Colours are kept only on a terminal that wants them (`NO_COLOR`, `CLICOLOR`). A reader
/// that has gone away (`| head`) is no error.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Columns between those of a table.
const GAP: u16 = 3;

/// Narrowest that a column of text is made, columns of the terminal: an identifier still fits.
const NARROWEST: usize = 16;

/// A table in the manner of kubectl: no lines, upper-case headings. Every cell becomes one clean line, cut where the
/// terminal is too narrow.
pub(super) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    table_without(&[], headings, rows)
}

/// As [`table`]; in a terminal that is too narrow the columns that are named first are left out, one after the other,
/// before any is cut.
pub(super) fn table_without<const N: usize>(
    spare: &[&str],
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().map(|row| row.map(|cell| text::line(&cell))).collect();
    let lines: Vec<Vec<&str>> = std::iter::once(headings.to_vec())
        .chain(rows.iter().map(|row| row.iter().map(String::as_str).collect()))
        .collect();
    laid_out(lines, spare, wrap::width())
}

/// The first line is the headings.
fn laid_out(mut lines: Vec<Vec<&str>>, spare: &[&str], width: Option<usize>) -> String {
    let mut widths = widest(&lines);
    if let Some(width) = width {
        for name in spare {
            if total(&least(&widths)) <= width {
                break;
            }
            let place =
                lines.first().and_then(|headings| headings.iter().position(|heading| heading == name));
            for line in &mut lines {
                place.filter(|place| *place < line.len()).map(|place| line.remove(place));
            }
            widths = widest(&lines);
        }
        fit(&mut widths, width);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| wrap::cut(cell, *width)).collect();
        match index {
            0 => table.set_header(cells),
            _ => table.add_row(cells),
        };
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    let lines = table.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// The widest cell of each column.
fn widest(lines: &[Vec<&str>]) -> Vec<usize> {
    let columns = lines.first().map_or(0, Vec::len);
    let widest = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell: &&str| cell.width()).max()
    };
    (0..columns).map(|column| widest(column).unwrap_or(0)).collect()
}

/// The least that each column can be made.
fn least(widths: &[usize]) -> Vec<usize> {
    widths.iter().map(|width| (*width).min(NARROWEST)).collect()
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + usize::from(GAP) * widths.len().saturating_sub(1)
}

/// Makes columns narrower until they fit together: the last one first, then whichever is the widest; below the least
/// only where nothing else helps.
fn fit(widths: &mut [usize], width: usize) {
    if let Some(last) = widths.len().checked_sub(1) {
        let over = total(widths).saturating_sub(width);
        if let Some(last) = widths.get_mut(last) {
            *last = last.saturating_sub(over).max((*last).min(NARROWEST));
        }
    }
    while total(widths) > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest -= 1,
            _ => return,
        }
    }
}

/// A story for a terminal.
#[must_use]
pub fn story(story: &Story) -> String {
    let headline = wrap::wrapped(&text::line(&story.headline), 2, wrap::width());
    let mut shown = format!("{BOLD}{headline}{BOLD:#}\n");
    for (heading, lines) in story.sections() {
        shown.push_str(&format!("\n{HEADING}{heading}{HEADING:#}\n"));
        lines.iter().for_each(|line| shown.push_str(&indented(line)));
    }
    shown
}

/// Text of the outside world below a heading, in as many lines as the terminal needs.
pub(super) fn indented(line: &str) -> String {
    format!("{}\n", wrap::wrapped(&format!("  {}", text::line(line)), 4, wrap::width()))
}

/// The first line of something, for a terminal; it must have passed [`text`] already.
pub(super) fn bold(line: &str) -> String {
    format!("{BOLD}{line}{BOLD:#}\n")
}

/// A heading for a terminal.
pub(super) fn heading(title: &str) -> String {
    format!("{HEADING}{title}{HEADING:#}\n")
}

/// A unified diff for a terminal: what goes in red, what comes in green.
pub(super) fn diff(diff: &str) -> String {
    let coloured = |line: &str| {
        let style = match line.as_bytes().first() {
            Some(b'+') => AnsiColor::Green.on_default(),
            Some(b'-') => AnsiColor::Red.on_default(),
            _ => Style::new(),
        };
        format!("    {style}{}{style:#}\n", text::line(line))
    };
    diff.lines().map(coloured).collect()
}

/// How long ago, as kubectl writes it: `45s`, `12m`, `3h`, `9d`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Format, age, laid_out, render, table};

    #[test]
    fn tables_look_like_those_of_kubectl() {
        let rows =
            [["inc-a".to_owned(), "verify".to_owned()], ["inc-bcdef".to_owned(), "a\nb\u{1b}[0m".to_owned()]];
        insta::assert_snapshot!(table(["ID", "PHASE"], rows), @r"
        ID          PHASE
        inc-a       verify
        inc-bcdef   a b[0m
        ");
    }

    #[test]
    fn in_a_narrow_terminal_the_last_column_is_cut_and_spare_ones_are_left_out() {
        let lines = || {
            vec![
                vec!["ID", "TURNS", "TOKENS", "PATH", "OUTCOME"],
                vec![
                    "run-7h2kq0m4x9ta",
                    "3",
                    "13023",
                    "a/very/long/path/of/a/runbook.md",
                    "checkout has a wrong image",
                ],
            ]
        };
        let spare = ["TOKENS", "TURNS"];
        let wide = laid_out(lines(), &spare, None);
        assert_eq!(laid_out(lines(), &spare, Some(200)), wide);
        insta::assert_snapshot!(laid_out(lines(), &spare, Some(80)), @r"
        ID                 TURNS   TOKENS   PATH                        OUTCOME
        run-7h2kq0m4x9ta   3       13023    a/very/long/path/of/a/ru…   checkout has a…
        ");
        insta::assert_snapshot!(laid_out(lines(), &spare, Some(60)), @r"
        ID                 PATH                     OUTCOME
        run-7h2kq0m4x9ta   a/very/long/path/of/a…   checkout has a…
        ");
        for width in 30..120 {
            let shown = laid_out(lines(), &spare, Some(width));
            assert!(shown.lines().all(|line| line.chars().count() <= width), "{width}:\n{shown}");
        }
    }

    #[test]
    fn the_same_value_is_shown_in_every_format() {
        let value = serde_json::json!({ "phase": "verify", "attempt": 1 });
        let shown = |format| render(format, &value, |_| "table\n".to_owned()).unwrap();
        assert_eq!(shown(Format::Table), "table\n");
        assert_eq!(shown(Format::Json), "{\n  \"phase\": \"verify\",\n  \"attempt\": 1\n}\n");
        assert_eq!(shown(Format::Yaml), "phase: verify\nattempt: 1\n");
    }

    #[test]
    fn ages_have_one_unit() {
        let now = Timestamp::UNIX_EPOCH;
        let ages =
            [-5, 45, 150, 7_300, 200_000].map(|seconds| age(now - SignedDuration::from_secs(seconds), now));
        assert_eq!(ages, ["0s", "45s", "2m", "2h", "2d"]);
    }
}

//! Answers within their size: whole lines, plain characters, and where the rest is.

use crate::agents::tools::{MOST_BYTES, ToolOutput};

/// Longest line that is shown, bytes.
const MAX_LINE: usize = 2_000;

/// Longest cell of a table, characters.
const MAX_CELL: usize = 200;

/// Room kept for notes that are put around an answer, bytes.
const NOTES: usize = 512;

/// The lines after the first `skip`, as many as fit. `more` says how to ask for the rest; `{skip}` in it becomes the
/// number of lines to skip next.
pub(super) fn page(text: &str, skip: usize, more: &str) -> ToolOutput {
    let lines: Vec<String> = text.lines().map(plain).collect();
    let (mut shown, mut used) = (0, 0);
    for line in lines.iter().skip(skip) {
        used += line.len() + 1;
        if used > MOST_BYTES - NOTES {
            break;
        }
        shown += 1;
    }
    let kept: Vec<&str> = lines.iter().skip(skip).take(shown).map(String::as_str).collect();
    let next = skip + shown;
    let cut = (next < lines.len()).then(|| {
        let more = more.replace("{skip}", &next.to_string());
        format!("cut: lines {} to {next} of {} shown; {more}", skip + 1, lines.len())
    });
    let text = if kept.is_empty() && skip > 0 {
        format!("(there are only {} lines)", lines.len())
    } else {
        kept.join("\n")
    };
    ToolOutput { text, cut, ..ToolOutput::default() }
}

/// The newest lines of a log, as many as fit; the last `skip` are left out.
pub(super) fn newest(lines: &[&str], skip: usize, more: &str) -> ToolOutput {
    let end = lines.len().saturating_sub(skip);
    let (mut kept, mut used) = (Vec::new(), 0);
    for line in lines.iter().take(end).rev() {
        let line = plain(line);
        used += line.len() + 1;
        if used > MOST_BYTES - NOTES {
            break;
        }
        kept.push(line);
    }
    let next = skip + kept.len();
    let cut = (kept.len() < end).then(|| {
        let more = more.replace("{skip}", &next.to_string());
        format!("cut: the newest {} of {end} lines shown; {more}", kept.len())
    });
    kept.reverse();
    ToolOutput { text: kept.join("\n"), cut, ..ToolOutput::default() }
}

/// One line without control characters, shortened where it is very long.
pub(super) fn plain(line: &str) -> String {
    let kept: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    if kept.len() <= MAX_LINE {
        return kept;
    }
    let end = kept.floor_char_boundary(MAX_LINE);
    let head = kept.get(..end).unwrap_or_default();
    format!("{head}… (+{} bytes)", kept.len() - end)
}

/// Text of an object in one line, shortened: what it holds must not look like a line of ours.
pub(super) fn cell(text: &str) -> String {
    let mut kept: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CELL).collect();
    if text.trim().chars().nth(MAX_CELL).is_some() {
        kept.push('…');
    }
    kept
}

/// Rows below their header, as kubectl prints them.
pub(super) fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let width = |at: usize, name: &str| {
        let widest = rows.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max();
        widest.unwrap_or(0).max(name.chars().count())
    };
    let widths: Vec<usize> = header.iter().enumerate().map(|(at, name)| width(at, name)).collect();
    let drawn = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    let mut lines = vec![drawn(header.to_vec())];
    lines.extend(rows.iter().map(|row| drawn(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, columns, newest, page};

    #[test]
    fn what_does_not_fit_is_cut_at_a_line_and_can_be_asked_for() {
        let text = (0..5_000).map(|n| format!("line {n}\n")).collect::<String>();
        let first = page(&text, 0, "ask with skip={skip}");
        assert!(first.text.len() <= MOST_BYTES && first.text.starts_with("line 0\n"));
        let shown = first.text.lines().count();
        assert_eq!(
            first.cut.unwrap(),
            format!("cut: lines 1 to {shown} of 5000 shown; ask with skip={shown}")
        );
        let second = page(&text, shown, "");
        assert!(second.text.starts_with(&format!("line {shown}\n")));
        assert_eq!(page("a\nb", 0, "").cut, None);
        assert_eq!(page("a\nb", 9, "").text, "(there are only 2 lines)");
    }

    #[test]
    fn of_a_log_the_newest_lines_stay() {
        let owned: Vec<String> = (0..5_000).map(|n| format!("line {n}")).collect();
        let lines: Vec<&str> = owned.iter().map(String::as_str).collect();
        let first = newest(&lines, 0, "skip={skip}");
        assert!(first.text.ends_with("line 4999") && first.text.len() <= MOST_BYTES);
        let shown = first.text.lines().count();
        assert!(first.cut.unwrap().ends_with(&format!("skip={shown}")));
        assert!(newest(&lines, shown, "").text.ends_with(&format!("line {}", 4_999 - shown)));
    }

    #[test]
    fn one_long_line_is_shortened_and_control_characters_go() {
        let shown = page(&format!("\u{1b}[31m{}", "é".repeat(5_000)), 0, "").text;
        assert!(shown.starts_with("[31mé") && shown.ends_with("bytes)") && shown.len() < 2_100, "{shown}");
    }

    #[test]
    fn a_cell_cannot_forge_a_row() {
        let table = columns(&["NAME", "AGE"], &[vec!["a\nb   9d".to_owned(), "1s".to_owned()]]);
        assert_eq!(table, "NAME       AGE\na b   9d   1s");
    }
}

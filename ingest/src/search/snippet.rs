//! The part of a passage that shows best why it was found.

use std::collections::HashSet;

use rustc_hash::FxHashSet;

use super::Snippet;
use super::question::clip;
use crate::analysis;

/// Length of a snippet, bytes, about three lines of a terminal.
const LENGTH: usize = 280;

/// The window of the text with the most distinct terms of the question.
pub(crate) fn snippet(text: &str, terms: &FxHashSet<&str>) -> Snippet {
    let matches = matches(text, terms);
    let (from, to) = window(text, &matches);
    let shown = text.get(from..to).unwrap_or_default();
    let leading = shown.len() - shown.trim_start().len();
    let from = from + leading;
    let shown = shown.trim();
    let mut highlights = Vec::<(usize, usize)>::new();
    for (start, end, _) in
        matches.iter().filter(|(start, end, _)| *start >= from && *end <= from + shown.len())
    {
        let (start, end) = (start - from, end - from);
        match highlights.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => highlights.push((start, end)),
        }
    }
    Snippet { text: shown.to_owned(), highlights }
}

/// Where terms of the question stand, in order.
fn matches(text: &str, terms: &FxHashSet<&str>) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    analysis::each_token(text, |token| {
        if terms.contains(token.text.as_str()) {
            found.push((token.offset_from, token.offset_to, token.text.clone()));
        }
    });
    found
}

fn window(text: &str, matches: &[(usize, usize, String)]) -> (usize, usize) {
    let mut best = (0, 0);
    for (at, (start, _, _)) in matches.iter().enumerate() {
        let inside = matches.iter().skip(at).take_while(|(_, end, _)| *end <= start + LENGTH);
        let distinct = inside.map(|(_, _, term)| term).collect::<HashSet<_>>().len();
        if distinct > best.1 {
            best = (*start, distinct);
        }
    }
    // Start at the beginning of the line where it is near, else of the word.
    let before = clip(text, best.0);
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let word = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let from = if best.0 - line <= LENGTH / 3 { line } else { word };
    let rest = text.get(from..).unwrap_or_default();
    let end = clip(rest, LENGTH);
    let whole = end.len() == rest.len();
    let cut = if whole { end.len() } else { end.rfind(char::is_whitespace).unwrap_or(end.len()) };
    (from, from + cut)
}

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::snippet;

    #[test]
    fn the_window_holds_the_most_words_of_the_question_and_marks_them() {
        let text =
            format!("{}\nThe container was killed for memory.\nDone.", "filler words here. ".repeat(40));
        let shown = snippet(&text, &FxHashSet::from_iter(["kill", "memori"]));
        assert!(shown.text.starts_with("The container was killed"), "{shown:?}");
        let marked: Vec<&str> = shown.highlights.iter().map(|(from, to)| &shown.text[*from..*to]).collect();
        assert_eq!(marked, ["killed", "memory"]);
    }

    #[test]
    fn without_a_match_the_beginning_is_shown() {
        assert_eq!(snippet("Ünïcödé text", &FxHashSet::default()).text, "Ünïcödé text");
        assert!(snippet(&"ü".repeat(1000), &FxHashSet::default()).text.len() <= 280);
    }
}

//! An answer in the making: its paragraphs, what they cite, and what was looked at.

use super::super::Finish;
use crate::agents::progress::Cited;
use crate::diagnose::mask;

/// Longest text of the outside world inside an answer, characters.
const LONGEST: usize = 400;

/// Longest block that is quoted as it is, bytes; its end is what matters.
const LONGEST_BLOCK: usize = 6_000;

/// Gaps that are told; further ones are counted.
const GAPS: usize = 3;

/// An answer in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    paragraphs: Vec<String>,
    cited: Vec<Cited>,
    looked: Vec<String>,
    gaps: Vec<String>,
}

/// Why there is no model.
#[derive(Debug, Clone, Copy)]
pub(in crate::agents::chat) enum Without<'a> {
    /// None is configured; this file would name them.
    Models(&'a str),
    /// None may or can be asked; why.
    Answer(&'a str),
    /// Those that were asked have failed; why.
    Failed(&'a str),
}

/// Where an answer ends at the latest.
pub(super) struct Limits<'a> {
    /// Texts at which it ends.
    pub(super) stop: &'a [String],
    /// Most tokens.
    pub(super) max_tokens: Option<u64>,
}

impl Draft {
    /// Adds a paragraph.
    pub(super) fn say(&mut self, paragraph: impl Into<String>) {
        self.paragraphs.push(paragraph.into());
    }

    /// Adds a paragraph and a list below it; nothing where the list is empty.
    pub(super) fn list(&mut self, heading: &str, items: impl IntoIterator<Item = String>) {
        let items: Vec<String> = items.into_iter().map(|item| format!("- {item}")).collect();
        if !items.is_empty() {
            self.paragraphs.push(format!("{heading}\n\n{}", items.join("\n")));
        }
    }

    /// Adds a paragraph and below it lines of the outside world as they are, the newest of them where there are many.
    pub(super) fn quote(&mut self, heading: &str, lines: &str) {
        let lines: Vec<String> = lines.lines().map(|line| mask::clean(line).replace("```", "'''")).collect();
        let block = lines.join("\n");
        let from = block.ceil_char_boundary(block.len().saturating_sub(LONGEST_BLOCK));
        let kept = block.get(from..).unwrap_or_default();
        self.paragraphs.push(format!("{heading}\n\n```text\n{}\n```", kept.trim_matches('\n')));
    }

    /// Cites a place and returns its mark, `[1]`; the same place keeps its mark.
    pub(super) fn cite(&mut self, title: &str, uri: &str) -> String {
        if let Some(known) = self.cited.iter().find(|cited| cited.uri == uri) {
            return known.mark.clone();
        }
        let mark = format!("[{}]", self.cited.len() + 1);
        self.cited.push(Cited { mark: mark.clone(), title: line(title), uri: uri.to_owned() });
        mark
    }

    /// Notes what was looked at, for the case that nothing was found.
    pub(super) fn looked_at(&mut self, what: impl Into<String>) {
        self.looked.push(what.into());
    }

    /// Notes what could not be seen.
    pub(super) fn blind(&mut self, gaps: impl IntoIterator<Item = String>) {
        for gap in gaps {
            let gap = prose(&gap);
            if !self.gaps.contains(&gap) {
                self.gaps.push(gap);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.paragraphs.is_empty()
    }

    pub(super) fn cited(&self) -> &[Cited] {
        &self.cited
    }

    /// The whole answer, cut at its limits.
    pub(super) fn finish(mut self, without: Without<'_>, limits: &Limits<'_>) -> (String, Finish) {
        if self.paragraphs.is_empty() {
            let looked = if self.looked.is_empty() { "nothing".to_owned() } else { self.looked.join("; ") };
            self.paragraphs.push(format!("Nothing was found about that. Looked at: {looked}."));
        }
        if !self.gaps.is_empty() {
            let more = self.gaps.len().saturating_sub(GAPS);
            self.gaps.truncate(GAPS);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            self.paragraphs.push(format!("Not everything could be seen: {}{more}.", self.gaps.join("; ")));
        }
        self.paragraphs.push(match without {
            Without::Models(file) => format!(
                "No language model is configured, so this was composed from analyzers, incidents and documents. Name \
                 a provider and a model in {file} to have questions investigated."
            ),
            Without::Answer(why) => format!(
                "No language model was asked: {why}. So this was composed from analyzers, incidents and documents."
            ),
            Without::Failed(why) => format!(
                "No language model has answered: {}. So this was composed from analyzers, incidents and documents.",
                prose(why)
            ),
        });
        cut(&self.paragraphs.join("\n\n"), limits)
    }
}

/// The text up to the first stop text, and at most as many tokens as wanted.
fn cut(text: &str, limits: &Limits<'_>) -> (String, Finish) {
    let stop = limits.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
    let text = stop.and_then(|end| text.get(..end)).unwrap_or(text);
    match limits.max_tokens {
        Some(most) if tokens(text) > most => {
            let most = usize::try_from(most.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
            (text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned(), Finish::Length)
        }
        _ => (text.to_owned(), Finish::Stop),
    }
}

/// What a token is worth in English, bytes; only an estimate is possible without a tokenizer.
const BYTES_PER_TOKEN: u64 = 4;

/// How many tokens a text has, about.
pub(super) fn tokens(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX).div_ceil(BYTES_PER_TOKEN)
}

/// Text of the outside world as one line, without secrets and control characters.
fn line(text: &str) -> String {
    mask::clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text of the outside world as one line of prose: without secrets and control characters, and nothing in it is a link,
/// an image or HTML to whoever renders Markdown.
pub(super) fn prose(text: &str) -> String {
    let words = line(text);
    let mut escaped = String::with_capacity(words.len());
    for (place, letter) in words.chars().enumerate() {
        if place >= LONGEST {
            escaped.push('…');
            break;
        }
        if matches!(letter, '[' | ']' | '<' | '>' | '`' | '\\') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// A text in pieces of about `size` bytes, each but the last ending after a space or line break where there is one.
pub(super) fn pieces(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = rest.floor_char_boundary(size.min(rest.len()).max(4.min(rest.len())));
        let head = rest.get(..most).unwrap_or(rest);
        let end = if most == rest.len() { most } else { head.rfind([' ', '\n']).map_or(most, |at| at + 1) };
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNLIMITED: Limits<'_> = Limits { stop: &[], max_tokens: None };

    #[test]
    fn where_nothing_was_found_it_is_said_what_was_looked_at() {
        let mut draft = Draft::default();
        draft.looked_at("the names of 40 objects in cluster prod");
        draft.looked_at("78 documents");
        let (text, finish) = draft.finish(Without::Models("agents.toml"), &UNLIMITED);
        assert!(
            text.starts_with(
                "Nothing was found about that. Looked at: the names of 40 objects in cluster prod; 78 documents."
            ),
            "{text}"
        );
        assert!(text.contains("No language model is configured") && text.contains("agents.toml"), "{text}");
        assert_eq!(finish, Finish::Stop);
    }

    #[test]
    fn where_a_limit_is_reached_the_answer_says_so() {
        let mut draft = Draft::default();
        draft.say("All is well.");
        let (text, _) = draft.finish(Without::Answer("the limit is reached"), &UNLIMITED);
        assert!(
            text.contains("No language model was asked: the limit is reached. So this was composed"),
            "{text}"
        );
        assert!(!text.contains("is configured"), "{text}");
    }

    #[test]
    fn lines_are_quoted_as_they_are_and_cannot_end_their_block() {
        let mut draft = Draft::default();
        draft.quote("It says:", &format!("{}password=hunter2\n``` out\n", "old\n".repeat(3_000)));
        let (text, _) = draft.finish(Without::Failed("down"), &UNLIMITED);
        assert!(
            text.starts_with("It says:\n\n```text\n") && text.contains("password=***\n''' out\n```"),
            "{text}"
        );
        assert!(text.len() < LONGEST_BLOCK + 500 && text.matches("```").count() == 2);
        assert!(text.contains("No language model has answered: down. So this"), "{text}");
    }

    #[test]
    fn a_place_that_is_cited_twice_keeps_its_mark() {
        let mut draft = Draft::default();
        let marks = [draft.cite("a", "/a"), draft.cite("b", "/b"), draft.cite("again", "/a")];
        assert_eq!(marks, ["[1]", "[2]", "[1]"]);
    }

    #[test]
    fn an_answer_ends_at_a_stop_text_and_at_its_tokens() {
        let stop = ["C".to_owned(), "B".to_owned()];
        assert_eq!(cut("xxABC", &Limits { stop: &stop, max_tokens: None }), ("xxA".to_owned(), Finish::Stop));
        let limits = Limits { stop: &[], max_tokens: Some(1) };
        assert_eq!(cut("äääää", &limits), ("ää".to_owned(), Finish::Length));
        assert_eq!(cut("äa", &limits), ("äa".to_owned(), Finish::Stop));
    }

    #[test]
    fn text_of_the_cluster_is_no_markup_and_holds_no_secret() {
        let hostile = "![x](http://evil/?q)\n<img src=x> password=hunter2 \u{1b}[31m";
        let shown = prose(hostile);
        assert!(shown.starts_with("!\\[x\\](http://evil/?q) \\<img src=x\\> password=***"), "{shown}");
        assert!(!shown.contains('\u{1b}'));
        assert!(prose(&"word ".repeat(1_000)).chars().count() <= LONGEST + 1);
    }

    #[test]
    fn pieces_are_the_whole_text() {
        for text in ["", "a", "one two three", "äöüäöüäöüäöü", "no-space-anywhere-in-this-text \n x"]
        {
            let all: Vec<&str> = pieces(text, 5).collect();
            assert_eq!(all.concat(), text);
            assert!(all.iter().all(|piece| !piece.is_empty() && piece.len() <= 5), "{all:?}");
        }
    }
}

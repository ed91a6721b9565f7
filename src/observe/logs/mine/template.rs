//! The template of a message: its words, and which of them vary. Pure.

use super::hash::{Parts, SEED, VARIES, exchanged, mix, of_piece, scan_parts};
use super::scan::{Piece, Sink};
use super::word::Mask;

/// Longest text of a template, bytes.
const MAX_TEXT: usize = 400;

/// A template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// As people read it, shortened.
    pub(super) text: String,
    /// The number of the messages that are written like this.
    pub(super) hash: u64,
    tokens: Vec<Token>,
    /// What messages must share to be put together.
    kind: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    hash: u64,
    /// Where in the text it ends; it begins where the last one ends.
    end: usize,
    /// Whether it is a word that may turn out to vary.
    word: bool,
    given_up: bool,
}

impl Template {
    /// The template of one message.
    pub(super) fn read(parts: Parts<'_>, hash: u64, kind: u64) -> Self {
        let mut writer = Writer(Self { text: String::new(), tokens: Vec::new(), hash, kind });
        scan_parts(parts, &mut writer);
        writer.0
    }

    /// For each word that may vary, its place and a number for everything else.
    pub(super) fn gaps(&self) -> impl Iterator<Item = (usize, u64)> {
        let words = self.tokens.iter().enumerate().filter(|(_, token)| token.word);
        words.map(|(place, token)| {
            (place, mix(exchanged(self.hash, place, token.hash, VARIES), self.kind ^ SEED))
        })
    }

    /// A number for how it begins and how long it is.
    pub(super) fn beginning(&self) -> u64 {
        let first = self.tokens.first().map_or(0, |token| token.hash);
        mix(first ^ self.kind, self.tokens.len() as u64 ^ SEED)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.tokens.len() == other.tokens.len()
    }

    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Token, &'a Token)> {
        self.tokens.iter().zip(&other.tokens)
    }

    /// Whether another one differs only in words that this one has given up.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let same =
            |(token, other): (&Token, &Token)| token.hash == other.hash || (token.given_up && other.word);
        self.is_like(other) && self.has_given_up() && self.pairs(other).all(same)
    }

    /// Percent of words in common; `None` for templates of another shape.
    pub(super) fn likeness(&self, other: &Self) -> Option<usize> {
        if !self.is_like(other) {
            return None;
        }
        let (mut words, mut same) = (0, 0);
        for (token, other) in self.pairs(other) {
            if token.hash == other.hash {
                words += usize::from(token.word);
                same += usize::from(token.word);
            } else if token.word && other.word {
                words += 1;
            } else if !other.given_up {
                return None;
            }
        }
        Some(same * 100 / words.max(1))
    }

    pub(super) fn has_given_up(&self) -> bool {
        self.tokens.iter().any(|token| token.given_up)
    }

    /// Gives up every word in which another one differs.
    pub(super) fn give_up_differences(&mut self, other: &Self) {
        let differs =
            |(place, (token, other)): (usize, (&Token, &Token))| (token.hash != other.hash).then_some(place);
        let places: Vec<usize> = self.pairs(other).enumerate().filter_map(differs).collect();
        for place in places {
            self.give_up(place);
        }
    }

    /// Gives up the word at a place.
    pub(super) fn give_up(&mut self, place: usize) {
        let start =
            place.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.end);
        let Some(token) = self.tokens.get_mut(place).filter(|token| !token.given_up) else { return };
        self.hash = exchanged(self.hash, place, token.hash, VARIES);
        let end = token.end;
        *token = Token { hash: VARIES, word: false, given_up: true, ..*token };
        let written = self.text.get(start..end).unwrap_or_default();
        let space = written.len() - written.trim_start().len();
        if written.len() > space {
            let mask = Mask::Other.text();
            self.text.replace_range(start + space..end, mask);
            let (now, before) = (space + mask.len(), end - start);
            for token in self.tokens.iter_mut().skip(place) {
                token.end = token.end + now - before;
            }
        }
    }
}

/// Writes a message down as a template.
struct Writer(Template);

impl Writer {
    fn write(&mut self, piece: Piece<'_>, spaced: bool) {
        let text = &mut self.0.text;
        if spaced && !text.is_empty() {
            text.push(' ');
        }
        match piece {
            Piece::Break(byte) => text.push(char::from(byte)),
            Piece::Word(word) => text.push_str(&String::from_utf8_lossy(word)),
            Piece::Masked(kept, mask) => {
                text.push_str(&String::from_utf8_lossy(kept));
                text.push_str(mask.text());
            }
        }
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
}

impl Sink for Writer {
    fn take(&mut self, piece: Piece<'_>, spaced: bool) {
        if self.0.text.len() < MAX_TEXT {
            self.write(piece, spaced);
        }
        let word = matches!(piece, Piece::Word(word) if word.iter().any(u8::is_ascii_alphabetic));
        let token = Token { hash: of_piece(piece), end: self.0.text.len(), word, given_up: false };
        self.0.tokens.push(token);
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::message;
    use super::Template;

    fn template(text: &str) -> Template {
        let parts = [text.as_bytes(), b"".as_slice()];
        Template::read(parts, message(parts, 0), 0)
    }

    #[test]
    fn a_word_that_is_given_up_is_masked_and_all_its_values_have_one_number() {
        let (mut alice, mut bob) =
            (template("user alice is gone, 3 left"), template("user bob is gone, 4 left"));
        alice.give_up(1);
        bob.give_up(1);
        assert_eq!((alice.text.as_str(), alice.hash), ("user <*> is gone, <n> left", bob.hash));
        assert!(alice.covers(&template("user carol is gone, 5 left")));
        assert!(!alice.covers(&template("user carol was gone, 5 left")));
        alice.give_up(3);
        assert_eq!(alice.text, "user <*> is <*>, <n> left");
    }

    #[test]
    fn likeness_is_the_share_of_words_in_common_and_none_for_another_shape() {
        let known = template("cannot open file a");
        assert_eq!(known.likeness(&template("cannot open file b")), Some(75));
        assert_eq!(known.likeness(&template("cannot open file a, b")), None);
        assert_eq!(known.likeness(&template("cannot open file 7")), None);
    }

    #[test]
    fn a_long_message_has_a_short_text_and_can_still_give_up_words_behind_it() {
        let mut long = template(&"ähnlich ".repeat(90));
        assert!(long.text.len() <= 400);
        let text = long.text.clone();
        long.give_up(89);
        assert_eq!(long.text, text);
    }
}

//! Templates of messages, found in one pass. Pure.
//!
//! Of the Drain family (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017): messages are
//! told apart by their number of words and by the words themselves, and what varies is given up. Drain gives up words where
//! few enough differ, which takes `GET` and `DELETE` for one message when the rest of the line is long. Here a word is given
//! up when it took enough different values in the same place of otherwise equal messages, and only where very many messages
//! begin alike are the most similar ones put together.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::hash::{Parts, mix};
use super::template::Template;

/// Different words in one place that show that it varies. There are seven usual HTTP methods.
const VALUES: usize = 8;

/// Templates of one beginning and length from which on similar ones are put together.
const CROWD: usize = 24;

/// How many of these are compared.
const MAX_COMPARED: usize = 48;

/// Share of words that similar messages have in common, percent.
const SIMILAR: usize = 60;

/// Known messages for each template, before they are forgotten and found again.
const MESSAGES: usize = 16;

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<Same>>;

/// The keys are hashes already.
#[derive(Debug, Default, Clone)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| mix(hash, u64::from(*byte)));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Templates, by number.
#[derive(Debug, Default)]
pub(super) struct Templates {
    /// Masked messages to templates.
    known: ByHash<u32>,
    /// Messages without one word to the templates that differ in that word.
    alike: ByHash<Alike>,
    /// Length and beginning to templates.
    beginnings: ByHash<Vec<u32>>,
    templates: Vec<Template>,
    /// Into which template each was merged, itself at first.
    merged: Vec<u32>,
}

/// Templates that are equal but for one word.
#[derive(Debug)]
enum Alike {
    /// Some values of that word.
    Few(Vec<u32>),
    /// So many that the word was given up: the template without it.
    Varies(u32),
}

impl Templates {
    /// The template of a message that was seen before.
    pub(super) fn known(&self, hash: u64) -> Option<u32> {
        self.known.get(&hash).copied()
    }

    /// Takes in a message that is not known: gives its template and whether that is a new one. Messages of different
    /// `kind` stay apart.
    pub(super) fn add(&mut self, parts: Parts<'_>, hash: u64, kind: u64) -> (u32, bool) {
        if self.known.len() > MESSAGES * self.templates.len().max(256) {
            self.forget_messages();
        }
        let template = Template::read(parts, hash, kind);
        let found = self.varied(&template).or_else(|| self.similar(&template));
        let id = found.unwrap_or_else(|| self.insert(template));
        self.known.insert(hash, id);
        (id, found.is_none())
    }

    /// The template that a template has become part of.
    pub(super) fn root(&self, id: u32) -> u32 {
        let mut at = id;
        while let Some(&next) = self.merged.get(at as usize).filter(|next| **next != at) {
            at = next;
        }
        at
    }

    pub(super) fn text(&self, id: u32) -> &str {
        self.get(id).map_or("", |template| template.text.as_str())
    }

    /// Keeps only these templates, which are numbered anew in this order.
    pub(super) fn retain(&mut self, kept: &[u32]) {
        let kept: Vec<Template> = kept.iter().filter_map(|id| self.get(*id).cloned()).collect();
        *self = Self::default();
        for template in kept {
            let hash = template.hash;
            let id = self.insert(template);
            self.known.insert(hash, id);
        }
    }

    fn get(&self, id: u32) -> Option<&Template> {
        self.templates.get(id as usize)
    }

    fn forget_messages(&mut self) {
        self.known = (0..).zip(&self.templates).map(|(id, template)| (template.hash, id)).collect();
    }

    /// The template that has given up all the words in which this one differs.
    fn varied(&self, template: &Template) -> Option<u32> {
        let by_one = template.gaps().find_map(|(_, gap)| match self.alike.get(&gap) {
            Some(Alike::Varies(id)) => Some(self.root(*id)),
            _ => None,
        });
        let covers = |id: &u32| self.get(*id).is_some_and(|known| known.covers(template));
        by_one.or_else(|| self.near(template.beginning()).find(covers))
    }

    /// The latest templates of a beginning.
    fn near(&self, beginning: u64) -> impl Iterator<Item = u32> {
        let near = self.beginnings.get(&beginning).into_iter().flatten();
        near.rev().take(MAX_COMPARED).map(|id| self.root(*id))
    }

    /// Where many templates begin alike: the most similar of them, if it is similar enough.
    fn similar(&mut self, template: &Template) -> Option<u32> {
        self.beginnings.get(&template.beginning()).filter(|near| near.len() >= CROWD)?;
        let near = self.near(template.beginning());
        let scored = near.filter_map(|id| Some((template.likeness(self.get(id)?)?, id)));
        let (likeness, id) = scored.max_by_key(|(likeness, _)| *likeness)?;
        let known = self.templates.get_mut(id as usize).filter(|_| likeness >= SIMILAR)?;
        known.give_up_differences(template);
        self.absorb(id);
        Some(id)
    }

    fn insert(&mut self, template: Template) -> u32 {
        let id = u32::try_from(self.templates.len()).unwrap_or(u32::MAX);
        self.beginnings.entry(template.beginning()).or_default().push(id);
        self.templates.push(template);
        self.merged.push(id);
        self.compare(id);
        id
    }

    /// Looks whether a template is one of many that differ in one word.
    fn compare(&mut self, id: u32) {
        let gaps: Vec<(usize, u64)> = self.get(id).into_iter().flat_map(Template::gaps).collect();
        for (place, gap) in gaps {
            let alike = self.alike.entry(gap).or_insert_with(|| Alike::Few(Vec::new()));
            let Alike::Few(few) = alike else { continue };
            if !few.contains(&id) {
                few.push(id);
            }
            if few.len() >= VALUES {
                let many = std::mem::take(few);
                self.give_up(&many, place, gap);
                return;
            }
        }
    }

    /// Makes templates that differ in one word into one. Without this word, that may be one of several that differ in
    /// another one.
    fn give_up(&mut self, many: &[u32], place: usize, gap: u64) {
        let roots: Vec<u32> = many.iter().map(|id| self.root(*id)).collect();
        let wide = |id: &&u32| self.get(**id).is_some_and(Template::has_given_up);
        let Some(&into) = roots.iter().find(wide).or(roots.first()) else { return };
        for root in roots {
            self.merge(root, into);
        }
        self.alike.insert(gap, Alike::Varies(into));
        if let Some(template) = self.templates.get_mut(into as usize) {
            template.give_up(place);
            self.known.entry(template.hash).or_insert(into);
            self.absorb(into);
            self.compare(into);
        }
    }

    /// Takes in the templates that differ from this one only in words that it has given up.
    fn absorb(&mut self, into: u32) {
        let Some(template) = self.get(into) else { return };
        let covered = |id: &u32| *id != into && self.get(*id).is_some_and(|other| template.covers(other));
        let covered: Vec<u32> = self.near(template.beginning()).filter(covered).collect();
        for id in covered {
            self.merge(id, into);
        }
    }

    fn merge(&mut self, id: u32, into: u32) {
        if let Some(merged) = self.merged.get_mut(id as usize) {
            *merged = into;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::hash::message;
    use super::{MESSAGES, Templates};

    const NAMES: [&str; 10] =
        ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];

    fn add(templates: &mut Templates, text: &str) -> u32 {
        let parts = [text.as_bytes(), b"".as_slice()];
        let hash = message(parts, 0);
        templates.known(hash).unwrap_or_else(|| templates.add(parts, hash, 0).0)
    }

    /// The templates of these messages after the last of them.
    fn found(lines: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let mut templates = Templates::default();
        let ids: Vec<u32> = lines.into_iter().map(|line| add(&mut templates, &line)).collect();
        ids.into_iter().map(|id| templates.text(templates.root(id)).to_owned()).collect()
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_word_with_many_values_is_given_up_also_for_the_messages_before() {
        let lines = NAMES.iter().map(|name| format!("session of {name} ended after 3s"));
        assert_eq!(found(lines), set(&["session of <*> ended after <n>"]));
    }

    #[test]
    fn a_word_with_few_values_is_kept() {
        let lines = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"].map(|method| {
            format!("10.0.0.1 \"{method} /v1/items HTTP/1.1\" status: 200 len: 17 time: 0.2 agent: none")
        });
        assert_eq!(found(lines).len(), 7);
    }

    #[test]
    fn words_that_vary_in_two_places_are_both_given_up() {
        let pairs = NAMES.iter().flat_map(|from| NAMES.iter().map(move |to| (from, to)));
        let lines = pairs.map(|(from, to)| format!("{from} sent a message to {to} today"));
        assert_eq!(found(lines), set(&["<*> sent a message to <*> today"]));
        // Never twice the same word in either place: nothing but their likeness tells.
        let letters = |number: u32| -> String {
            number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
        };
        let lines = (0..200).map(|number| {
            format!(
                "the message from {} was sent to {} without delay",
                letters(number),
                letters(number + 1000)
            )
        });
        let kept = found(lines);
        assert!(
            kept.contains("the message from <*> was sent to <*> without delay") && kept.len() <= 24,
            "{kept:?}"
        );
    }

    #[test]
    fn messages_of_another_kind_or_length_stay_apart() {
        let mut templates = Templates::default();
        for (kind, name) in NAMES.iter().enumerate() {
            let parts = [name.as_bytes(), b"".as_slice()];
            templates.add(parts, message(parts, kind as u64), kind as u64);
        }
        assert_eq!((0..10).map(|id| templates.root(id)).collect::<BTreeSet<_>>().len(), 10);
        assert_eq!(found(["a b".to_owned(), "a b c".to_owned(), "a (b)".to_owned()]).len(), 3);
    }

    #[test]
    fn known_messages_stay_bounded_however_many_values_a_word_has() {
        let mut templates = Templates::default();
        for number in 0..20_000_u32 {
            let name: String =
                number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            add(&mut templates, &format!("session of {name} ended"));
        }
        assert!(templates.known.len() <= MESSAGES * 256 + 1, "{}", templates.known.len());
        assert_eq!(templates.templates.len(), 8);
    }

    #[test]
    fn what_is_kept_is_found_again_under_its_new_number() {
        let mut templates = Templates::default();
        let ids = ["a b", "c d", "e f"].map(|text| add(&mut templates, text));
        templates.retain(&[ids[2], ids[0]]);
        assert_eq!(["e f", "a b", "c d"].map(|text| add(&mut templates, text)), [0, 1, 2]);
        assert_eq!(templates.text(0), "e f");
    }
}

//! Where the elements of a list stand in a JSON text.

use std::ops::Range;

/// Byte ranges of the elements of the list under `key` in the outermost object. The text must have been found to be
/// JSON before; of anything else the answer means nothing.
pub(super) fn elements(text: &str, key: &str) -> Vec<Range<usize>> {
    let mut scan =
        Scan { key, depth: 0, word: 0..0, at_list: false, in_list: false, start: None, found: Vec::new() };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'"' {
            let end = string_end(bytes, at);
            scan.value(at);
            scan.word = at + 1..end.saturating_sub(1);
            at = end;
            continue;
        }
        scan.step(text, *byte, at);
        at += 1;
    }
    scan.found
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

struct Scan<'k> {
    key: &'k str,
    depth: usize,
    /// The last string: a key once a colon follows.
    word: Range<usize>,
    at_list: bool,
    in_list: bool,
    start: Option<usize>,
    found: Vec<Range<usize>>,
}

impl Scan<'_> {
    fn step(&mut self, text: &str, byte: u8, at: usize) {
        match byte {
            b':' if self.depth == 1 => self.at_list = text.get(self.word.clone()) == Some(self.key),
            b'[' | b'{' => {
                self.value(at);
                if byte == b'[' && self.depth == 1 && self.at_list {
                    self.in_list = true;
                    self.start = None;
                }
                self.depth += 1;
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.in_list && self.depth == 1 {
                    self.finish(at);
                    self.in_list = false;
                }
            }
            b',' if self.depth == 1 => self.at_list = false,
            b',' if self.depth == 2 => self.finish(at),
            byte if byte.is_ascii_whitespace() => {}
            _ => self.value(at),
        }
    }

    fn value(&mut self, at: usize) {
        if self.in_list && self.depth == 2 {
            self.start.get_or_insert(at);
        }
    }

    fn finish(&mut self, at: usize) {
        if self.in_list
            && let Some(start) = self.start.take()
        {
            self.found.push(start..at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::elements;

    #[test]
    fn elements_are_found_whatever_their_strings_hold() {
        let text = r#"{"x": {"items": [1]}, "items": [ {"a": "],[\""} , "two", 3 ], "y": [4]}"#;
        let found: Vec<&str> =
            elements(text, "items").into_iter().filter_map(|range| text.get(range)).map(str::trim).collect();
        assert_eq!(found, [r#"{"a": "],[\""}"#, r#""two""#, "3"]);
    }
}

//! A command line into words: quotes as in a shell, and nothing else of one.

use crate::agents::tools::ToolError;

/// Longest line that is read, bytes.
const MAX_BYTES: usize = 4_000;

/// Characters that look like ASCII and are not, with what should stand there.
const LOOK_ALIKES: &[(&[char], &str)] = &[
    (
        &[
            '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}', '\u{fe58}',
            '\u{fe63}', '\u{ff0d}',
        ],
        "-",
    ),
    (&['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}', '\u{2032}'], "'"),
    (&['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{2033}'], "\""),
    (&['\u{ff5c}', '\u{2223}'], "|"),
    (&['\u{ff1b}', '\u{37e}'], ";"),
];

/// Words of each part between pipes, the first of which is the command.
pub(super) fn parts(line: &str) -> Result<Vec<Vec<String>>, ToolError> {
    if line.len() > MAX_BYTES {
        return Err(ToolError::Arguments(format!("the command is longer than {MAX_BYTES} bytes")));
    }
    // A line that goes on after a backslash is one line.
    let line = line.replace("\\\r\n", " ").replace("\\\n", " ");
    split(line.trim())?.into_iter().map(words).collect()
}

fn words(part: &str) -> Result<Vec<String>, ToolError> {
    shlex::split(part)
        .ok_or_else(|| ToolError::Arguments("a quotation mark or backslash has no end".to_owned()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

/// Splits at pipes outside quotes; refuses what a shell would act on.
fn split(line: &str) -> Result<Vec<&str>, ToolError> {
    let (mut parts, mut begin, mut quote) = (Vec::new(), 0, Quote::None);
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        match (quote, c) {
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = Quote::None,
            (Quote::Single, _) => {}
            (_, '\\') => {
                characters.next();
            }
            (Quote::Double, '$' | '`') => return Err(refused(c, next)),
            (Quote::Double, _) => {}
            (Quote::None, '\'') => quote = Quote::Single,
            (Quote::None, '"') => quote = Quote::Double,
            (Quote::None, '|') if next != Some('|') && next != Some('&') => {
                parts.push(line.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            (Quote::None, c) => check(c, next)?,
        }
    }
    if quote != Quote::None {
        return Err(ToolError::Arguments("a quotation mark has no end".to_owned()));
    }
    parts.push(line.get(begin..).unwrap_or_default());
    Ok(parts)
}

fn check(c: char, next: Option<char>) -> Result<(), ToolError> {
    if matches!(c, '|' | ';' | '&' | '<' | '>' | '$' | '`' | '(' | ')' | '\n' | '\r') {
        return Err(refused(c, next));
    }
    if let Some((_, plain)) = LOOK_ALIKES.iter().find(|(group, _)| group.contains(&c)) {
        let code = u32::from(c);
        return Err(ToolError::Arguments(format!("{c} (U+{code:04X}) is not understood; write {plain}")));
    }
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if invisible || (c.is_control() && c != '\t') || (c.is_whitespace() && !c.is_ascii()) {
        let code = u32::from(c);
        return Err(ToolError::Arguments(format!(
            "the character U+{code:04X} is not understood; leave it out"
        )));
    }
    Ok(())
}

/// Why a character of the shell is refused.
fn refused(c: char, next: Option<char>) -> ToolError {
    let why = match (c, next) {
        ('|', _) => "|| and |& are not understood; only grep, head, tail and wc -l may follow a single |",
        (';' | '\n' | '\r', _) | ('&', Some('&')) => {
            "one command a call; ; and && and new lines are not understood"
        }
        ('&', _) => "nothing runs in the background",
        ('<' | '>', _) => "redirections are not understood; errors come back in the answer",
        ('$', Some('(')) | ('`', _) => "command substitution is not understood",
        ('$', _) => "variables are not understood; write the value, or quote a $ with single quotation marks",
        _ => "subshells are not understood; quote parentheses",
    };
    ToolError::Denied(why.to_owned())
}

//! What may follow a `|`: grep, head, tail, wc -l.

use regex::Regex;

use crate::agents::tools::ToolError;
use crate::agents::tools::kubernetes::logs::expression;

/// One step that picks lines.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// Lines that match, or that do not.
    Grep {
        /// What they match.
        pattern: Regex,
        /// Whether those that match are left out.
        invert: bool,
        /// Whether only their number is shown.
        count: bool,
    },
    /// The first lines.
    Head(usize),
    /// The last lines.
    Tail(usize),
    /// From that line on, counted from 1.
    From(usize),
    /// The number of lines.
    Count,
}

impl Filter {
    /// Reads the words of one part of a pipe.
    pub(super) fn parse(words: &[String]) -> Result<Self, ToolError> {
        let refused = |text: &str| {
            Err(ToolError::Denied(format!("{text}; only grep, head, tail and wc -l may follow a |")))
        };
        let Some((program, rest)) = words.split_first() else { return refused("nothing follows a |") };
        match program.as_str() {
            "grep" | "egrep" | "fgrep" => grep(program, rest),
            "head" => match count(rest)? {
                Lines::Number(number) => Ok(Self::Head(number)),
                Lines::From(_) => refused("head takes no +"),
            },
            "tail" => Ok(match count(rest)? {
                Lines::Number(number) => Self::Tail(number),
                Lines::From(number) => Self::From(number),
            }),
            "wc" if rest == ["-l"] => Ok(Self::Count),
            other => refused(&format!("{other} is not understood")),
        }
    }

    /// Picks lines.
    pub(super) fn apply(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let kept: Vec<&str> = match self {
            Self::Grep { pattern, invert, count } => {
                let kept: Vec<&str> =
                    lines.into_iter().filter(|line| pattern.is_match(line) != *invert).collect();
                if *count {
                    return kept.len().to_string();
                }
                kept
            }
            Self::Head(number) => lines.into_iter().take(*number).collect(),
            Self::Tail(number) => {
                let from = lines.len().saturating_sub(*number);
                lines.into_iter().skip(from).collect()
            }
            Self::From(number) => lines.into_iter().skip(number.saturating_sub(1)).collect(),
            Self::Count => return lines.len().to_string(),
        };
        kept.join("\n")
    }
}

enum Lines {
    Number(usize),
    From(usize),
}

/// `-n 5`, `-n5`, `-5`, `-n +5`, `--lines=5`; ten where nothing is said.
fn count(words: &[String]) -> Result<Lines, ToolError> {
    let text = match words {
        [] => return Ok(Lines::Number(10)),
        [flag, number] if flag == "-n" || flag == "--lines" => number.as_str(),
        [only] => only.trim_start_matches("--lines=").trim_start_matches("-n").trim_start_matches('-'),
        _ => "",
    };
    let refused = || ToolError::Arguments("head and tail take -n with a number of lines".to_owned());
    match text.strip_prefix('+') {
        Some(from) => from.parse().map(Lines::From).map_err(|_| refused()),
        None => text.parse().map(Lines::Number).map_err(|_| refused()),
    }
}

fn grep(program: &str, words: &[String]) -> Result<Filter, ToolError> {
    let (mut ignore_case, mut invert, mut count, mut word) = (false, false, false, false);
    let (mut extended, mut fixed) = (program == "egrep", program == "fgrep");
    let mut patterns = Vec::new();
    let mut words = words.iter();
    while let Some(text) = words.next() {
        let Some(flags) = text.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
            patterns.push(text);
            continue;
        };
        for flag in flags.chars() {
            match flag {
                'i' => ignore_case = true,
                'v' => invert = true,
                'c' => count = true,
                'w' => word = true,
                'E' | 'P' => extended = true,
                'F' => fixed = true,
                'e' => patterns.extend(words.next()),
                _ => {
                    let text = format!("grep -{flag} is not understood; -i, -v, -c, -w, -e, -E and -F are");
                    return Err(ToolError::Arguments(text));
                }
            }
        }
    }
    if patterns.is_empty() {
        return Err(ToolError::Arguments("grep needs a pattern".to_owned()));
    }
    if let [_, file, ..] = patterns.as_slice() {
        return Err(ToolError::Denied(format!("grep reads what the command prints, not files ({file})")));
    }
    let text = patterns.first().map(|text| text.as_str()).unwrap_or_default();
    let text = match (fixed, extended) {
        (true, _) => regex::escape(text),
        (false, true) => text.to_owned(),
        (false, false) => of_basic(text),
    };
    let text = if word { format!(r"\b(?:{text})\b") } else { text };
    Ok(Filter::Grep { pattern: expression(&text, ignore_case)?, invert, count })
}

/// A basic expression of grep as an extended one: `\|` means or, and `|` means itself.
fn of_basic(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next_if(|next| "|(){}+?".contains(*next)) {
                Some(special) => written.push(special),
                None => written.push('\\'),
            },
            c if "|(){}+?".contains(c) => written.extend(['\\', c]),
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::Filter;

    const TEXT: &str = "alpha\nBeta error\ngamma fail\na|b\ndelta";

    fn filtered(line: &str) -> String {
        let words = shlex::split(line).unwrap();
        Filter::parse(&words).unwrap().apply(TEXT)
    }

    #[test]
    fn lines_are_picked_as_the_tools_of_a_shell_pick_them() {
        for (line, expected) in [
            ("grep error", "Beta error"),
            ("grep -i beta", "Beta error"),
            ("grep -v a", ""),
            (r"grep 'error\|fail'", "Beta error\ngamma fail"),
            ("grep 'a|b'", "a|b"),
            ("grep -E 'error|fail'", "Beta error\ngamma fail"),
            ("egrep -ic 'ERROR|fail'", "2"),
            ("grep -F 'a|b'", "a|b"),
            ("grep -e gamma", "gamma fail"),
            ("head -n 1", "alpha"),
            ("head -2", "alpha\nBeta error"),
            ("tail -n1", "delta"),
            ("tail -n +4", "a|b\ndelta"),
            ("wc -l", "5"),
        ] {
            assert_eq!(filtered(line), expected, "{line}");
        }
    }

    #[test]
    fn other_programs_files_and_flags_are_refused() {
        for line in [
            "",
            "sh",
            "xargs kubectl delete",
            "tee /tmp/x",
            "grep",
            "grep a /etc/passwd",
            "grep -f /etc/passwd",
            "wc",
            "head -n x",
            "head -n +1",
            "grep '('x -E",
            "awk '{print}'",
        ] {
            let words = shlex::split(line).unwrap();
            assert!(Filter::parse(&words).is_err(), "{line}");
        }
    }
}

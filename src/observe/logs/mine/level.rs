//! How serious a line says it is. Pure.

use serde::{Deserialize, Serialize};

/// How serious a log line says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For developers: debug, trace.
    Debug,
    /// In the course of things: information, notice.
    Info,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// The program cannot go on.
    Fatal,
}

impl LogLevel {
    /// The level that a word names, in any case: `WARN`, `err`, `SEVERE`, `dbug`.
    pub(super) fn of_word(word: &[u8]) -> Option<Self> {
        let mut lower = [0; 11];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        match &*lower {
            b"trace" | b"debug" | b"dbug" | b"trce" | b"dbg" | b"trc" | b"verbose" | b"fine" | b"finer"
            | b"finest" => Some(Self::Debug),
            b"info" | b"information" | b"notice" | b"log" | b"inf" | b"config" | b"default" => {
                Some(Self::Info)
            }
            b"warn" | b"warning" | b"wrn" => Some(Self::Warning),
            b"error" | b"err" | b"eror" | b"fail" | b"severe" => Some(Self::Error),
            b"fatal" | b"critical" | b"crit" | b"panic" | b"alert" | b"emerg" | b"emergency" | b"ftl"
            | b"dpanic" | b"crt" => Some(Self::Fatal),
            _ => None,
        }
    }

    /// The level of a one-letter code, as klog and MongoDB write it.
    pub(super) fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'D' | b'T' => Some(Self::Debug),
            b'I' => Some(Self::Info),
            b'W' => Some(Self::Warning),
            b'E' => Some(Self::Error),
            b'F' => Some(Self::Fatal),
            _ => None,
        }
    }

    /// The level of a number as pino and bunyan write it: 30 information, 40 warning, 50 error, 60 fatal.
    pub(super) fn of_number(number: f64) -> Option<Self> {
        match number {
            60.0.. => Some(Self::Fatal),
            50.0.. => Some(Self::Error),
            40.0.. => Some(Self::Warning),
            30.0.. => Some(Self::Info),
            10.0.. => Some(Self::Debug),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogLevel::{self, Debug, Error, Fatal, Info, Warning};

    #[test]
    fn words_letters_and_numbers_name_levels() {
        let words =
            ["trce", "Information", "WARNING", "err", "SEVERE", "emerg", "errors", "", "information!"];
        let expected =
            [Some(Debug), Some(Info), Some(Warning), Some(Error), Some(Error), Some(Fatal), None, None, None];
        assert_eq!(words.map(|word| LogLevel::of_word(word.as_bytes())), expected);
        assert_eq!([b'I', b'F', b'x'].map(LogLevel::of_letter), [Some(Info), Some(Fatal), None]);
        assert_eq!(
            [30.0, 45.0, 60.0, f64::NAN].map(LogLevel::of_number),
            [Some(Info), Some(Warning), Some(Fatal), None]
        );
    }
}

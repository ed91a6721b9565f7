//! Small pieces that statements are made of: placeholders, times, bounded texts.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::StoreError;

/// Row counts of multi-row statements. Few distinct ones, so that each stays prepared.
const STRIDES: [usize; 4] = [64, 16, 4, 1];

/// Longest text in an indexed column, bytes. PostgreSQL refuses index rows above 2.7 kB.
const MAX_KEY: usize = 256;

/// Cuts `rows` into pieces whose lengths are among [`STRIDES`].
pub(super) fn strides<T>(mut rows: &[T]) -> Vec<&[T]> {
    let mut pieces = Vec::new();
    for stride in STRIDES {
        while let Some((piece, rest)) = rows.split_at_checked(stride) {
            pieces.push(piece);
            rows = rest;
        }
    }
    pieces
}

/// `($1, $2), ($3, $4)` for `rows` rows of `columns` values.
pub(super) fn tuples(columns: usize, rows: usize) -> String {
    let row = |row: usize| {
        let names: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", names.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// Microseconds since 1970: the precision of PostgreSQL, and enough for every sender.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Reads [`micros`] back.
pub(super) fn timestamp(micros: i64, what: &str) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Corrupt { what: what.to_owned() })
}

/// Text that both engines take: PostgreSQL refuses NUL.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Text for an indexed column: what is too long keeps its beginning and gets a hash of the whole.
pub(super) fn key(text: &str) -> String {
    let text = plain(text);
    if text.len() <= MAX_KEY {
        return text;
    }
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    let head: String = text.chars().take(32).collect();
    format!("{head}#{digest}")
}

/// Reads stored JSON.
pub(super) fn json<T: DeserializeOwned>(text: &str, what: impl FnOnce() -> String) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        let what = what();
        tracing::error!(%error, what, "stored JSON cannot be read");
        StoreError::Corrupt { what }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_number_through_all_rows() {
        assert_eq!(tuples(2, 3), "($1, $2), ($3, $4), ($5, $6)");
    }

    #[test]
    fn strides_cover_every_row_once_in_order() {
        let rows: Vec<usize> = (0..255).collect();
        let pieces = strides(&rows);
        assert_eq!(pieces.concat(), rows);
        assert!(pieces.iter().all(|piece| STRIDES.contains(&piece.len())));
    }

    #[test]
    fn long_keys_stay_distinct_and_short() {
        let (one, two) = ("x".repeat(10_000), format!("{}y", "x".repeat(9_999)));
        assert_ne!(key(&one), key(&two));
        assert!(key(&"\u{1f600}".repeat(5_000)).len() <= MAX_KEY);
        assert_eq!(key("a\0b"), "a\u{fffd}b");
    }

    #[test]
    fn times_survive_to_the_microsecond() {
        let at: Timestamp = "2026-11-21T03:29:47.124676575Z".parse().unwrap();
        let read = timestamp(micros(at), "time").unwrap();
        assert_eq!(read, "2026-11-21T03:29:47.124676Z".parse::<Timestamp>().unwrap());
    }
}

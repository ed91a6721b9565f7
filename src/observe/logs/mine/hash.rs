//! One number for each masked message. Pure.
//!
//! The number is a sum over the places of a message, so that what it is without one of the words can be told from the sum.

use super::scan::{Piece, Sink, scan};

pub(super) const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What stands for any word.
pub(super) const VARIES: u64 = 0xd1b5_4a32_d192_ed03;

/// The parts of a message: what happened, and what went wrong where that is told apart.
pub(super) type Parts<'a> = [&'a [u8]; 2];

/// The number of a message; messages of another `kind` have another one.
pub(super) fn message(parts: Parts<'_>, kind: u64) -> u64 {
    let mut sum = Sum { sum: mix(kind, SEED), place: 0 };
    scan_parts(parts, &mut sum);
    sum.sum
}

/// Takes a message apart, with a colon between its parts.
pub(super) fn scan_parts([message, error]: Parts<'_>, sink: &mut impl Sink) {
    scan(message, false, sink);
    if !(message.is_empty() || error.is_empty()) {
        sink.take(Piece::Break(b':'), false);
    }
    scan(error, true, sink);
}

/// The sum with another word at a place.
pub(super) fn exchanged(sum: u64, place: usize, old: u64, new: u64) -> u64 {
    let place = place as u64;
    sum.wrapping_sub(mix(old, place)).wrapping_add(mix(new, place))
}

struct Sum {
    sum: u64,
    place: u64,
}

impl Sink for Sum {
    #[inline]
    fn take(&mut self, piece: Piece<'_>, _spaced: bool) {
        self.sum = self.sum.wrapping_add(mix(of_piece(piece), self.place));
        self.place += 1;
    }
}

pub(super) fn of_piece(piece: Piece<'_>) -> u64 {
    match piece {
        Piece::Break(byte) => u64::from(byte),
        Piece::Word(word) => of_bytes(word),
        Piece::Masked([], _) => VARIES,
        Piece::Masked(kept, _) => of_bytes(kept) ^ VARIES,
    }
}

/// Eight bytes at a time, the last eight overlapping.
fn of_bytes(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    let length = bytes.len() as u64 ^ SEED;
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => mix(word(first) ^ length, word(last) ^ VARIES),
        (Some(_), Some(last)) => {
            let chunks = bytes.as_chunks::<8>().0;
            let hash = chunks.iter().fold(length, |hash, chunk| mix(hash ^ word(chunk), SEED));
            mix(hash, word(last) ^ VARIES)
        }
        _ => {
            let small = bytes.iter().fold(0, |small, byte| (small << 8) | u64::from(*byte));
            mix(small ^ SEED, length)
        }
    }
}

/// Folded multiplication, as wyhash and foldhash mix. The constants are digits of pi.
#[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let b = b.wrapping_mul(SEED) ^ 0x1319_8a2e_0370_7344;
    let product = u128::from(a ^ 0x243f_6a88_85a3_08d3) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn messages_have_one_number_as_long_as_only_masked_words_differ() {
        let of = |text: &str| message([text.as_bytes(), b""], 0);
        assert_eq!(of("took 12ms at 10.0.0.1:80"), of("took 7s at 10.0.0.2:8080"));
        let different = [
            "took 12ms",
            "took 12ms at",
            "at 12ms took",
            "TOOK 12ms",
            "took: 12ms",
            "took_longer_than_expected",
            "took_longer_than_expecteD",
            "took_longer",
            "took_longes",
            "a",
            "",
        ];
        for (index, one) in different.iter().enumerate() {
            for other in different.iter().skip(index + 1) {
                assert_ne!(of(one), of(other), "{one} | {other}");
            }
        }
        assert_ne!(message([b"x", b""], 0), message([b"x", b""], 1));
        assert_eq!(message([b"a", b"b"], 0), message([b"a: b", b""], 0));
    }
}

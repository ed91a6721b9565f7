//! Base64, as JSON carries the bytes of Secrets.

/// Standard base64 with padding.
pub(super) fn standard(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for position in 0..4_usize {
            if position > chunk.len() {
                out.push('=');
                continue;
            }
            let index = (bits >> (18 - 6 * position)) & 0x3f;
            out.extend(ALPHABET.get(index as usize).map(|byte| char::from(*byte)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::standard;

    #[test]
    fn every_length_is_padded() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|s| standard(s.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }
}

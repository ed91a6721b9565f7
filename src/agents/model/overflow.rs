//! Whether a refusal means that the conversation was too long.

/// What providers write, lower case, in their code or in their text. OpenAI, Azure and servers that copy them name a
/// code; the others only a sentence.
const SIGNS: [&str; 9] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "exceeds the available context size",
    "context size has been exceeded",
    "prompt is too long",
    "input token count",
    "context length",
    "context window",
];

/// `status` and the text of a refusal, with its code.
pub(super) fn is_overflow(status: Option<u16>, text: &str) -> bool {
    // llama.cpp says 400 in one place and 500 in another, and an error inside a stream has no status.
    if !matches!(status, None | Some(200 | 400 | 413 | 422 | 500)) {
        return false;
    }
    let text = text.to_ascii_lowercase();
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// What stands before the size of the window in a refusal, lower case.
const BEFORE: [&str; 8] = [
    "maximum context length is ",
    "maximum context length of ",
    "available context size (",
    "tokens allowed (",
    "context window of ",
    "context length of ",
    "\"n_ctx\":",
    "tokens > ",
];

/// No model reads less, tokens; a smaller number means something else.
const SMALLEST: u64 = 512;

/// How much the model can read by its own word, tokens.
pub(super) fn window(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let number = |before: &&str| {
        let rest = text.get(text.find(*before)? + before.len()..)?.trim_start();
        let digits =
            rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(char::is_ascii_digit);
        digits.collect::<String>().parse::<u64>().ok().filter(|number| *number >= SMALLEST)
    };
    BEFORE.iter().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::{is_overflow, window};

    #[test]
    fn a_window_is_read_as_the_families_write_it() {
        for (text, expected) in [
            ("This model's maximum context length is 8192 tokens. However, you requested 9000", Some(8_192)),
            ("prompt is too long: 208310 tokens > 200000 maximum", Some(200_000)),
            ("exceeds the maximum number of tokens allowed (1048576).", Some(1_048_576)),
            ("request (4390 tokens) exceeds the available context size (4,096 tokens)", Some(4_096)),
            (
                r#"{"error":{"type":"exceed_context_size_error","n_prompt_tokens":4390,"n_ctx": 4096}}"#,
                Some(4_096),
            ),
            ("Context size has been exceeded.", None),
            ("maximum context length is 7 turtles", None),
        ] {
            assert_eq!(window(text), expected, "{text}");
        }
    }

    #[test]
    fn every_family_is_understood() {
        for (status, text) in [
            (
                400,
                r#"{"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 8192 tokens."}}"#,
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            ),
            (
                400,
                r#"{"error":{"code":400,"message":"request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error"}}"#,
            ),
            (
                500,
                r#"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#,
            ),
            (400, r#"{"error":"the prompt exceeds the model's context length"}"#),
        ] {
            assert!(is_overflow(Some(status), text), "{text}");
        }
    }

    #[test]
    fn other_refusals_are_none() {
        assert!(!is_overflow(Some(400), r#"{"error":{"message":"messages: roles must alternate"}}"#));
        assert!(!is_overflow(Some(429), "too many tokens in this context window of a minute"));
    }
}

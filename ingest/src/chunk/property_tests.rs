//! What holds for every document.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{Lines, document::BlockKind};

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z]{1,12}[.,:]?"
}

fn text() -> impl Strategy<Value = String> {
    let line = prop::collection::vec(word(), 1..14).prop_map(|words| words.join(" "));
    prop::collection::vec(
        prop_oneof![5 => line, 1 => Just(String::new()), 1 => Just("- item here".to_owned())],
        1..30,
    )
    .prop_map(|lines| lines.join("\n"))
}

fn kind() -> impl Strategy<Value = BlockKind> {
    prop_oneof![Just(BlockKind::Prose), Just(BlockKind::Code("yaml".to_owned())), Just(BlockKind::Table)]
}

/// Blocks one below the other, under headings that come and go.
fn documents() -> impl Strategy<Value = Document> {
    let headings = prop::collection::vec("[A-C]", 0..3);
    prop::collection::vec((kind(), text(), headings), 0..8).prop_map(|parts| {
        let mut next = 1;
        let blocks =
            parts.into_iter().filter(|(_, text, _)| !text.trim().is_empty()).map(|(kind, text, headings)| {
                let last = next + u32::try_from(text.matches('\n').count()).unwrap();
                let lines = Lines::new(next, last);
                next = last + 2;
                Block { kind, text, headings, lines }
            });
        Document { title: "Title".to_owned(), blocks: blocks.collect(), ..Document::default() }
    })
}

/// Punctuation may end up in the next piece; words may not.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn settings() -> impl Strategy<Value = ChunkSettings> {
    (40_usize..300, 0_usize..60, 0_usize..80).prop_map(|(max_tokens, overlap_tokens, min_tokens)| {
        ChunkSettings { max_tokens, overlap_tokens, min_tokens }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn words_survive_and_pieces_keep_to_their_bounds(document in documents(), settings in settings()) {
        let pieces = Chunker::new(Arc::new(ApproximateTokens), settings).pieces(&document);
        let found: std::collections::HashSet<&str> = pieces.iter().flat_map(|piece| words(&piece.text)).collect();
        for block in &document.blocks {
            for word in words(&block.text) {
                prop_assert!(found.contains(word), "{word} is lost");
            }
        }
        let last = document.blocks.last().map_or(0, |block| block.lines.last);
        let mut before = 0;
        for piece in &pieces {
            let lines = piece.lines;
            prop_assert!(!piece.text.trim().is_empty());
            prop_assert!(1 <= lines.first && lines.first <= lines.last && lines.last <= last, "{lines:?} of {last}");
            prop_assert!(before <= lines.first, "{lines:?} after {before}");
            before = lines.first;
            let tokens = ApproximateTokens.count(&piece.text);
            prop_assert!(tokens <= 2 * settings.max_tokens, "{tokens} tokens: {}", piece.text);
        }
    }

    #[test]
    fn any_text_is_cut(text in "\\PC{0,400}", max_tokens in 1_usize..60, kind in kind()) {
        let lines = Lines::new(1, 1);
        let block = Block { kind, text, headings: Vec::new(), lines };
        let document = Document { title: "T".to_owned(), blocks: vec![block], ..Document::default() };
        let settings = ChunkSettings { max_tokens, overlap_tokens: 20, min_tokens: 30 };
        for piece in Chunker::new(Arc::new(ApproximateTokens), settings).pieces(&document) {
            prop_assert!(!piece.text.trim().is_empty());
        }
    }
}

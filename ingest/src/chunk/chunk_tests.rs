//! Where documents are cut.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::{Limits, RawDocument, Validators, format};

/// One token a word, so that tests can count.
struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

fn chunker(max_tokens: usize, overlap_tokens: usize, min_tokens: usize) -> Chunker {
    Chunker::new(Arc::new(Words), ChunkSettings { max_tokens, overlap_tokens, min_tokens })
}

fn document(path: &str, text: &str) -> Document {
    let raw = RawDocument {
        path: path.to_owned(),
        uri: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
        media_type: None,
        modified: None,
        validators: Validators::default(),
    };
    format::parse(&raw, &Limits::default()).unwrap()
}

fn shown(pieces: &[Piece]) -> String {
    pieces.iter().fold(String::new(), |mut shown, piece| {
        let (first, last) = (piece.lines.first, piece.lines.last);
        writeln!(shown, "{first}-{last} [{}] {:?}", piece.headings.join(" > "), piece.text).unwrap();
        shown
    })
}

#[test]
fn blocks_of_a_section_share_a_piece_and_code_stays_in_fences() {
    let text = "# T\n\n## A\n\nLook at the pods first of all.\n\n```bash\nkubectl get pods\n```\n\n## B\n\nThen look at nodes and at events.\n";
    assert_eq!(
        shown(&chunker(60, 4, 3).pieces(&document("a.md", text))),
        "5-8 [A] \"Look at the pods first of all.\\n\\n```bash\\nkubectl get pods\\n```\"\n13-13 [B] \"Then look at nodes and at events.\"\n"
    );
}

#[test]
fn small_siblings_share_a_piece_below_their_parent_only() {
    let text = "# T\n\n## P\n\n### A\n\none\n\n### B\n\ntwo\n\n## Q\n\nthree four five six seven eight\n";
    assert_eq!(
        shown(&chunker(60, 4, 6).pieces(&document("a.md", text))),
        "7-11 [P] \"A\\none\\n\\nB\\ntwo\"\n15-15 [Q] \"three four five six seven eight\"\n"
    );
}

#[test]
fn objects_of_a_manifest_never_share_a_piece() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\n";
    let pieces = chunker(200, 4, 100).pieces(&document("a.yaml", text));
    assert_eq!(
        shown(&pieces),
        "1-3 [Pod a] \"```yaml\\napiVersion: v1\\nkind: Pod\\nmetadata: {name: a}\\n```\"\n5-7 [Pod b] \"```yaml\\napiVersion: v1\\nkind: Pod\\nmetadata: {name: b}\\n```\"\n"
    );
}

#[test]
fn long_prose_is_cut_after_sentences_with_overlap_and_exact_lines() {
    let text = (1..=12).map(|n| format!("Sentence number {n} has just seven words.\n")).collect::<String>();
    let pieces = chunker(30, 8, 4).pieces(&document("Notes.txt", &text));
    assert!(
        pieces.iter().all(|piece| piece.text.ends_with('.') && piece.text.starts_with("Sentence")),
        "{}",
        shown(&pieces)
    );
    for piece in &pieces {
        let lines: Vec<&str> = text
            .lines()
            .skip(piece.lines.first as usize - 1)
            .take((piece.lines.last - piece.lines.first + 1) as usize)
            .collect();
        assert_eq!(piece.text, lines.join("\n"));
    }
    assert!(pieces.windows(2).all(|pair| pair[1].lines.first == pair[0].lines.last), "{}", shown(&pieces));
}

#[test]
fn a_table_too_long_repeats_its_header_and_code_its_fence() {
    let rows: String = (1..=30).map(|n| format!("| key{n} | value |\n")).collect();
    let pieces = chunker(20, 4, 2).pieces(&document("T.md", &format!("| Key | Value |\n|---|---|\n{rows}")));
    assert!(
        pieces.len() > 5 && pieces.iter().all(|piece| piece.text.starts_with("Key | Value\nkey")),
        "{}",
        shown(&pieces)
    );
    assert_eq!((pieces[0].lines.first, pieces[1].lines.first), (1, pieces[0].lines.last + 1));
    assert!(pieces.last().unwrap().text.contains("key30") && pieces.last().unwrap().lines.last == 32);

    let code: String = (1..=60).map(|n| format!("line {n}\n")).collect();
    let pieces = chunker(24, 4, 2).pieces(&document("C.md", &format!("```text\n{code}```\n")));
    assert!(
        pieces.len() > 4
            && pieces
                .iter()
                .all(|piece| piece.text.starts_with("```text\nline") && piece.text.ends_with("\n```"))
    );
    assert!(
        pieces.windows(2).all(|pair| pair[1].lines.first == pair[0].lines.last + 1),
        "{}",
        shown(&pieces)
    );
}

#[test]
fn code_up_to_twice_the_maximum_stays_whole() {
    let code: String = (1..=20).map(|n| format!("line {n}\n")).collect();
    let pieces =
        chunker(30, 4, 2).pieces(&document("C.md", &format!("Before.\n\n```\n{code}```\n\nAfter.\n")));
    assert!(
        pieces.iter().any(|piece| piece.text.contains("line 1\n") && piece.text.contains("line 20")),
        "{}",
        shown(&pieces)
    );
}

#[test]
fn fences_within_code_do_not_end_it() {
    let pieces = chunker(60, 4, 2).pieces(&document("C.md", "````md\n```\ninner\n```\n````\n"));
    assert_eq!(pieces[0].text, "````md\n```\ninner\n```\n````");
}

#[test]
fn a_document_without_text_has_no_pieces() {
    assert_eq!(chunker(60, 4, 2).pieces(&document("a.md", "---\ntitle: T\n---\n\n \n")), Vec::new());
}

/// Counts how much it was asked to count.
struct Meter(AtomicUsize);

impl TokenCounter for Meter {
    fn count(&self, text: &str) -> usize {
        self.0.fetch_add(text.len(), Ordering::Relaxed);
        Words.count(text)
    }
}

#[test]
fn the_cost_of_cutting_grows_with_length_only() {
    let lines = "2024-05-01T10:00:00Z INFO request served in 12 ms by replica seven\n";
    let samples = [
        ("log.log", lines.repeat(4000)),
        ("one-line.txt", "word ".repeat(60_000)),
        ("prose.txt", "A sentence of five words.\n".repeat(10_000)),
    ];
    for (path, text) in samples {
        let meter = Arc::new(Meter(AtomicUsize::new(0)));
        let chunker = Chunker::new(meter.clone(), ChunkSettings::default());
        assert!(chunker.pieces(&document(path, &text)).len() > 50);
        let counted = meter.0.load(Ordering::Relaxed);
        assert!(counted < 40 * text.len(), "{path}: {counted} bytes counted for {}", text.len());
    }
}

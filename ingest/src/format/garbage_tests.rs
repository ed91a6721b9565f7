//! Hostile and broken input: refused in words, never a panic.

use std::{io::Write, time::Duration};

use proptest::prelude::*;

use crate::{Limits, RawDocument, document::BlockKind};

use super::{
    format_tests::{raw, read, shown},
    parse,
};

fn refusal(path: &str, bytes: &[u8]) -> String {
    parse(&raw(path, bytes), &Limits::default()).unwrap_err()
}

#[test]
fn what_is_no_document_is_refused_by_its_name_or_bytes() {
    for (path, bytes, reason) in [
        ("a.png", b"text".as_slice(), "is an image"),
        ("a.md", b"\x89PNG\r\n", "is an image"),
        ("a.docx", b"PK\x03\x04", "is a zip archive or an office document"),
        ("a.docx", b"text", "is a Word document: convert it"),
        ("notes.txt", b"a\0b", "is a binary file"),
        ("main.go", b"package main", "is source code"),
        ("tls.key", b"abc", "may be a key"),
        ("key.txt", b"-----BEGIN RSA PRIVATE KEY-----", "may be a key"),
        ("a.pdf", b"text", "is no PDF"),
        ("a.json", b"{", "is not valid JSON (line 1)"),
        ("a.ipynb", b"{}", "is not a Jupyter notebook"),
    ] {
        let refused = refusal(path, bytes);
        assert!(refused.starts_with(reason), "{path}: {refused}");
    }
}

#[test]
fn the_media_type_outranks_the_name_and_bytes_decide_last() {
    let typed = |media_type: &str, path: &str| RawDocument {
        media_type: Some(media_type.to_owned()),
        ..raw(path, b"<html><body><main><p>Hello</p></main></body></html>")
    };
    let text =
        |raw: RawDocument| parse(&raw, &Limits::default()).map(|document| document.blocks[0].text.clone());
    assert_eq!(text(typed("text/html; charset=utf-8", "page.md")), Ok("Hello".to_owned()));
    assert_eq!(text(typed("application/octet-stream", "page")), Ok("Hello".to_owned()));
    assert!(text(typed("text/plain", "page.txt")).is_ok_and(|text| text.contains("<main>")));
    assert!(text(typed("image/svg+xml", "page.html")).unwrap_err().starts_with("is an image"));
}

#[test]
fn other_encodings_are_read_or_named() {
    let utf16: Vec<u8> = "\u{feff}Größe\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let document = parse(&raw("a.txt", &utf16), &Limits::default()).unwrap();
    assert_eq!(document.blocks[0].text, "Größe");
    assert_eq!(shown("a.txt", "\u{feff}x"), "a {}\n1-1 prose []\nx\n");
    let mut few = "word ".repeat(100).into_bytes();
    few.push(0xff);
    assert!(parse(&raw("a.txt", &few), &Limits::default()).is_ok());
    assert!(refusal("a.txt", b"Gr\xf6\xdfe").contains("is not UTF-8 text (2 broken characters)"));
}

#[test]
fn what_is_too_large_is_refused() {
    let small = Limits { document_bytes: 3, ..Limits::default() };
    assert!(parse(&raw("a.md", b"four"), &small).unwrap_err().contains("more than the 3 allowed"));
    let page = "<p>x</p>".repeat((17 << 20) / 8);
    assert!(refusal("a.html", page.as_bytes()).contains("only 16 MB are read"));
}

#[test]
fn yaml_that_unfolds_without_end_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let last = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [last.as_str(); 9].join(", "));
    }
    assert!(read("a.yaml", &bomb).unwrap_err().contains("beyond all bounds"));
    let deep = "[".repeat(100_000);
    // Whether it counts as broken or as too deep is the YAML reader's affair.
    drop(read("a.yaml", &deep));
    assert!(read("a.json", &deep).is_err());
    assert!(read("a.md", &format!("---\nx: {deep}\n---\nText.")).is_ok());
}

#[test]
fn deep_nesting_never_ends_the_process() {
    let divs = "<div>".repeat(100_000);
    assert!(read("a.html", &divs).unwrap_err().contains("nested deeper"));
    let allowed = format!("{}Deep.{}", "<div>".repeat(1000), "</div>".repeat(1000));
    assert!(shown("a.html", &allowed).contains("Deep."));
    for mark in [">", "- ", "[", "*", "<b>"] {
        assert!(read("a.md", &mark.repeat(20_000)).is_ok(), "{mark}");
    }
}

/// A PDF of one page per text; `extra` goes into the first page's dictionary.
fn pdf(pages: &[&str], extra: &str, trailer: &str) -> Vec<u8> {
    let mut objects = vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned()];
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    objects.push(format!("<</Type/Pages/Count {}/Kids[{}]>>", pages.len(), kids.join(" ")));
    objects.push("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned());
    for (page, text) in pages.iter().enumerate() {
        let extra = if page == 0 { extra } else { "" };
        let font = "/Resources<</Font<</F1 3 0 R>>>>/MediaBox[0 0 600 800]";
        objects.push(format!("<</Type/Page/Parent 2 0 R{font}/Contents {} 0 R{extra}>>", 5 + 2 * page));
        let content = format!("BT /F1 12 Tf 72 700 Td ({text}) Tj ET");
        objects.push(format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()));
    }
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(file.len());
        write!(file, "{number} 0 obj\n{object}\nendobj\n").unwrap();
    }
    let start = file.len();
    write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        writeln!(file, "{place:010} 00000 n ").unwrap();
    }
    write!(file, "trailer<</Size {}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF", objects.len() + 1)
        .unwrap();
    file
}

#[test]
fn the_pages_of_a_pdf_stand_for_lines() {
    let document =
        parse(&raw("guide/EtcdBackup.pdf", &pdf(&["First page", "Second page"], "", "")), &Limits::default())
            .unwrap();
    let blocks: Vec<_> =
        document.blocks.iter().map(|block| (block.text.as_str(), block.lines.first)).collect();
    assert_eq!(
        (document.title.as_str(), blocks),
        ("Etcd Backup", vec![("First page", 1), ("Second page", 2)])
    );
}

#[test]
fn a_pdf_that_cannot_be_read_is_refused_in_words() {
    assert!(refusal("a.pdf", &pdf(&[""], "", "")).contains("without text"));
    assert!(refusal("a.pdf", b"%PDF-1.4 and no more").contains("broken PDF"));
    let locked = "/Encrypt<</Filter/Standard/V 1/R 2/O(abcdefghijklmnopqrstuvwxyzabcdef)/U(abcdefghijklmnopqrstuvwxyzabcdef)/P -4>>/ID[(a)(b)]";
    assert_eq!(refusal("a.pdf", &pdf(&["x"], "", locked)), "is an encrypted PDF: save it without a password");
    // The parser asks for the resources of a page and its parents, and expects to find some.
    let bare = String::from_utf8(pdf(&["x"], "", ""))
        .unwrap()
        .replace("/Resources", "/Resourcez")
        .replace("/MediaBox", "/MediaBoy");
    assert!(!refusal("a.pdf", bare.as_bytes()).is_empty());
    let cycle = String::from_utf8(pdf(&["x"], "", ""))
        .unwrap()
        .replace("/Parent 2 0 R/Resources", "/Parent 4 0 R/Resourcez");
    assert!(refusal("a.pdf", cycle.as_bytes()).contains("broken PDF"));
}

#[test]
fn a_parser_that_takes_too_long_is_left_behind() {
    let hurried = Limits { parse: Duration::ZERO, ..Limits::default() };
    let refused = parse(&raw("a.md", "x ".repeat(500_000).as_bytes()), &hurried).unwrap_err();
    assert!(refused.contains("takes longer than 0 s"), "{refused}");
}

/// Pieces of every format, so that garbage gets further than the first byte.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "---\n",
        "+++\n",
        "title: x\n",
        "# ",
        "## A\n",
        "```\n",
        "| a | b |\n",
        "|---|---|\n",
        "{{< tab name=\"",
        "\" >}}",
        "{{%",
        "<div>",
        "</p>",
        "<pre>",
        "<!--",
        "-->",
        "&#x41;",
        "<table><tr><td>",
        "[a](",
        "- ",
        "1. ",
        "> ",
        "\n\n",
        "    ",
        "\t",
        "é",
        "apiVersion: v1\n",
        "kind: Secret\n",
        "kind: List\nitems:\n",
        "- a: &x [*x]\n",
        "data:\n  k: v\n",
        "{\"cells\": [",
        "]}",
        "----\n",
        "|===\n",
        "== T\n",
        "[source,go]\n",
        ".. note:: ",
        "::\n\n",
        "====\n",
        "`a <b>`_",
        "\u{feff}",
        "\r",
        "word word. ",
    ]);
    prop::collection::vec(prop_oneof![3 => scrap.prop_map(str::to_owned), 1 => "\\PC{0,12}"], 0..40)
        .prop_map(|scraps| scraps.concat())
}

const NAMES: [&str; 10] =
    ["a.md", "a.html", "a.pdf", "a.txt", "a.yaml", "a.json", "a.adoc", "a.rst", "a.ipynb", "a"];

fn sound(path: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let last = u32::try_from(bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count()).unwrap() + 1;
    match parse(&raw(path, bytes), &Limits::default()) {
        Err(reason) => prop_assert!(!reason.contains("broke its parser"), "{path}: {reason}"),
        Ok(document) => {
            prop_assert!(!document.title.is_empty());
            for block in document.blocks {
                prop_assert!(!block.text.trim().is_empty());
                let lines = block.lines;
                prop_assert!(
                    1 <= lines.first && lines.first <= lines.last && lines.last <= last,
                    "{path}: {block:?}"
                );
                prop_assert!(block.kind != BlockKind::Prose || block.text == block.text.trim());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_is_read_or_refused_in_every_format(text in scraps()) {
        for name in NAMES {
            sound(name, text.as_bytes())?;
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_every_format(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in NAMES {
            sound(name, &bytes)?;
        }
        drop(parse(&raw("a.pdf", &[b"%PDF-1.4\n", bytes.as_slice()].concat()), &Limits::default()));
    }
}

//! A corpus of any size from the sections of a real one.

use std::path::Path;
use std::sync::Arc;

use kubewright_ingest::chunk::{ApproximateTokens, ChunkSettings, Chunker};
use kubewright_ingest::{Limits, RawDocument, Validators, format};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// The sections of a folder of Markdown: each a heading with the text under it.
pub(crate) fn sections(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut sections = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let parts = text.split("\n## ").filter(|part| part.len() > 200);
                sections.extend(parts.map(|part| part.chars().take(1_200).collect::<String>()));
            }
        }
    }
    sections.sort();
    Ok(sections)
}

/// Documents of ten sections each, drawn with a fixed seed, until they make `size` passages; the last one is cut to fit.
pub(crate) fn documents(sections: &[String], size: usize) -> Vec<(String, String)> {
    let mut random = SmallRng::seed_from_u64(7);
    let mut documents = Vec::new();
    let mut passages = 0;
    for number in 0.. {
        let (name, mut text) = document(sections, number, &mut random);
        let mut more = count(&name, &text);
        while more > size - passages {
            let Some(end) = text.rfind("\n## Part") else { break };
            text.truncate(end);
            more = count(&name, &text);
        }
        passages += more;
        documents.push((name, text));
        if passages >= size {
            break;
        }
    }
    documents
}

fn document(sections: &[String], number: usize, random: &mut SmallRng) -> (String, String) {
    let title = sections.choose(random).and_then(|section| section.lines().next()).unwrap_or("Document");
    let mut text = format!("# {} {number}\n", title.trim_matches(['#', ' ', '-']));
    for part in 0..10 {
        let section = sections.choose(random).map_or("", String::as_str);
        text += &format!("\n## Part {part} {}\n\n{section}\n", random.random_range(0..1_000_000));
    }
    (format!("{}/{number}.md", number % 100), text)
}

/// How many passages a document makes, as it is measured without a model.
fn count(name: &str, text: &str) -> usize {
    let raw = RawDocument {
        path: name.to_owned(),
        uri: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
        media_type: None,
        modified: None,
        validators: Validators::default(),
    };
    let chunker = Chunker::new(Arc::new(ApproximateTokens), ChunkSettings::default());
    format::parse(&raw, &Limits::default()).map_or(0, |document| chunker.pieces(&document).len())
}

//! A corpus of any size from the sections of a real one.

use std::path::Path;

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

/// Documents of ten sections each, drawn with a fixed seed: `count` passages or a few more.
pub(crate) fn documents(sections: &[String], count: usize) -> Vec<(String, String)> {
    let mut random = SmallRng::seed_from_u64(7);
    let documents = (0..count.div_ceil(10)).map(|number| {
        let title =
            sections.choose(&mut random).and_then(|section| section.lines().next()).unwrap_or("Document");
        let mut text = format!("# {} {number}\n", title.trim_matches(['#', ' ', '-']));
        for part in 0..10 {
            let section = sections.choose(&mut random).map_or("", String::as_str);
            text += &format!("\n## Part {part} {}\n\n{section}\n", random.random_range(0..1_000_000));
        }
        (format!("{}/{number}.md", number % 100), text)
    });
    documents.collect()
}

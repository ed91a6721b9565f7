//! Web pages: the main content, without navigation, as blocks.

use std::sync::LazyLock;

use dom_query::{Document as Dom, NodeRef};
use dom_smoothie::Readability;
use regex::{Captures, Regex};

use crate::{Attributes, Document};

use super::{
    html_blocks::{self, LINE},
    outline::{LineIndex, Outline},
};

/// Largest page, bytes: in memory it takes ten times as much.
pub(super) const LARGEST: usize = 16 << 20;
/// Deepest nesting of a page; browsers stop at 512.
const NESTING: usize = 1024;
/// Share of the words of a page below which its main content was not found, percent.
const MAIN_SHARE: usize = 40;

/// Start tags whose lines are worth keeping: blocks, rows, items.
#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static BLOCK_TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)<(p|h[1-6]|pre|li|table|tr|blockquote|dt|dd|div|td|th|section|article|summary)([\s>])")
        .unwrap()
});

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static NESTING_TAG: LazyLock<Regex> = LazyLock::new(|| {
    // Elements that nothing closes, or that the next of their kind closes, do not nest.
    Regex::new(r"(?s)<!--.*?-->|<(/?)([A-Za-z][A-Za-z0-9-]*)").unwrap()
});

const FLAT: [&str; 25] = [
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "br", "hr", "img", "meta",
    "link", "input", "area", "base", "col", "embed", "source", "track", "wbr", "colgroup",
];

/// What is never content.
const CHROME: &str = "script, style, noscript, template, nav, header, footer, aside, form, button, iframe, svg, \
    [role=navigation], [role=banner], [role=contentinfo], [role=search], [aria-hidden=true], a.headerlink, a.anchor, \
    .headerlink, .td-heading-self-link, .edit-this-page, .breadcrumb";

pub(super) fn read(path: &str, html: &str) -> Result<Document, String> {
    if nesting(html) > NESTING {
        return Err(format!("is an HTML page nested deeper than {NESTING} elements: convert it to Markdown"));
    }
    let marked = mark_lines(html);
    let page = Dom::from(marked.as_str());
    page.select(CHROME).remove();
    let title = page_title(&page);
    let mut outline = Outline::default();
    match main(&page) {
        Some(main) => html_blocks::walk(&mut outline, main),
        None => match readable(&marked, &page) {
            Some(article) => html_blocks::walk(&mut outline, article.root()),
            None => html_blocks::walk(&mut outline, page.body().unwrap_or_else(|| page.root())),
        },
    }
    outline.finish(title, Attributes::default(), path)
}

/// The main content where the page itself names one.
fn main(page: &Dom) -> Option<NodeRef<'_>> {
    ["main article", "[role=main]", "main", "article"].into_iter().find_map(|selector| {
        let found = page.select(selector);
        let [only] = found.nodes() else { return None };
        let enough = letters(&only.text()) * 100 >= letters(&page.text()) * MAIN_SHARE;
        enough.then_some(*only)
    })
}

/// The main content where it must be guessed; `None` if the guess leaves out most of the page.
fn readable(marked: &str, page: &Dom) -> Option<Dom> {
    let article = Readability::new(marked, None, None).ok()?.parse().ok()?;
    let article = Dom::from(article.content);
    article.select(CHROME).remove();
    (letters(&article.text()) * 100 >= letters(&page.text()) * MAIN_SHARE).then_some(article)
}

fn letters(text: &str) -> usize {
    text.chars().filter(|char| char.is_alphanumeric()).count()
}

/// `<title>` without the site's name behind it, if the first heading begins it.
fn page_title(page: &Dom) -> Option<String> {
    let first = |selector: &str| {
        let text = page.select_single(selector).text();
        Some(text.trim().trim_end_matches(['#', '¶']).trim().to_owned()).filter(|text| !text.is_empty())
    };
    match (first("h1"), first("title")) {
        (Some(heading), _) => Some(heading),
        (None, title) => title,
    }
}

/// Writes its line into each start tag of a block, because the parsed page has no lines.
fn mark_lines(html: &str) -> String {
    let index = LineIndex::of(html);
    let mark = |found: &Captures| {
        let group = |group: usize| found.get(group).map_or("", |group| group.as_str());
        let line = index.line(found.get(0).map_or(0, |whole| whole.start()));
        format!("<{} {LINE}={line}{}", group(1), group(2))
    };
    BLOCK_TAG.replace_all(html, mark).into_owned()
}

/// How deep the page nests, roughly, and never less than the parsed page will.
fn nesting(html: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for found in NESTING_TAG.captures_iter(html) {
        let Some(name) = found.get(2) else { continue };
        if FLAT.iter().any(|flat| name.as_str().eq_ignore_ascii_case(flat)) {
            continue;
        }
        if found.get(1).is_some_and(|slash| !slash.is_empty()) {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
}

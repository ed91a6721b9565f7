//! Drops the tags of HTML that stands inside other formats, and keeps its text on its lines.

use std::sync::LazyLock;

use regex::{Captures, Regex};

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static UNSEEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?is)<!--.*?(?:-->|$)|<script\b.*?(?:</script>|$)|<style\b.*?(?:</style>|$)").unwrap()
});

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)</?([A-Za-z][\w-]*)[^<>]*>").unwrap());

#[expect(clippy::unwrap_used, reason = "constant pattern, covered by tests")]
static ENTITY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});").unwrap());

/// The text of a piece of HTML, line for line; ` | ` between the cells of a table.
pub(super) fn text_of(html: &str) -> String {
    let newlines =
        |found: &Captures| found.get(0).map_or("", |whole| whole.as_str()).matches('\n').collect::<String>();
    let seen = UNSEEN.replace_all(html, newlines);
    let bare = TAG.replace_all(&seen, |found: &Captures| {
        let closes = found.get(0).is_some_and(|whole| whole.as_str().starts_with("</"));
        let name = found.get(1).map_or("", |name| name.as_str()).to_ascii_lowercase();
        let gap = match name.as_str() {
            "td" | "th" if closes => " | ",
            "b" | "i" | "em" | "strong" | "code" | "a" | "span" | "sup" | "sub" | "kbd" | "tt" => "",
            _ => " ",
        };
        gap.to_owned() + &newlines(found)
    });
    let text = ENTITY.replace_all(&bare, |found: &Captures| {
        let whole = found.get(0).map_or("", |whole| whole.as_str());
        entity(found.get(1).map_or("", |name| name.as_str())).map_or_else(|| whole.to_owned(), String::from)
    });
    let lines = text.split('\n').map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines
        .map(|line| line.trim_end_matches(" |").trim_matches('|').trim().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|char| !char.is_control());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "rarr" => '→',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn tags_go_and_lines_stay() {
        let html = "<table>\n<tr><td>a&lt;b</td><td>&#65; &unknown;</td></tr>\n<!-- no\nno -->\n<p>use <code>x</code>s</p>";
        assert_eq!(text_of(html), "\na<b | A &unknown;\n\n\nuse xs");
    }
}

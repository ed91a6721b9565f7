//! Making a model's Markdown harmless for those who render it: what loads something by itself would carry names, hosts and
//! lines of logs away. Links stay, as people follow them by will.

use std::sync::LazyLock;

use regex::Regex;

/// Beginnings of HTML that a viewer may load something for, or take for more than text.
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)<(/?(?:a|audio|base|body|button|div|embed|form|frame|frameset|iframe|image|img|input|link|meta|object|p|picture|script|source|span|style|svg|table|td|track|video)(?:[\s/>]|$))",
    )
    .ok()
});

const FENCE: &str = "```";

/// Markdown that comes in pieces; none of them ends between two characters of one mark.
#[derive(Debug, Default)]
pub(super) struct Markup {
    /// Whether the line stands in a fenced block, of which nothing is rendered.
    fenced: bool,
    /// The beginning of the line.
    line: String,
}

impl Markup {
    /// The piece with images as links and HTML as text.
    pub(super) fn harmless(&mut self, piece: &str) -> String {
        let mut shown = String::with_capacity(piece.len());
        for part in piece.split_inclusive('\n') {
            self.line.push_str(part);
            if self.fenced {
                shown.push_str(part);
            } else {
                let linked = part.replace("![", "[");
                let Some(tag) = &*TAG else { continue };
                shown.push_str(&tag.replace_all(&linked, "\\<$1"));
            }
            if part.ends_with('\n') {
                self.end_line();
            }
        }
        shown
    }

    /// A fence opens at the very beginning of its line only: within lists and quotes a block can end without one.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.fenced = if self.fenced {
            let line = line.trim();
            !(line.starts_with(FENCE) && line.chars().all(|letter| letter == '`'))
        } else {
            line.strip_prefix(FENCE).is_some_and(|info| !info.contains('`'))
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    fn shown(pieces: &[&str]) -> String {
        let mut markup = Markup::default();
        pieces.iter().map(|piece| markup.harmless(piece)).collect()
    }

    #[test]
    fn nothing_is_loaded_by_itself() {
        assert_eq!(shown(&["see ![a b](http://evil/?q=x)"]), "see [a b](http://evil/?q=x)");
        assert_eq!(
            shown(&["<IMG src=http://evil/>", " <img", "\nsrc=x> </p>"]),
            "\\<IMG src=http://evil/> \\<img\nsrc=x> \\</p>"
        );
        assert_eq!(shown(&["> ```\n![x](http://evil)"]), "> ```\n[x](http://evil)");
        assert_eq!(shown(&["a ``` b\n![x](http://evil)"]), "a ``` b\n[x](http://evil)");
        assert_eq!(shown(&["```\n```\n", "![x](http://evil)"]), "```\n```\n[x](http://evil)");
    }

    #[test]
    fn code_placeholders_and_links_stay() {
        let code = "```sh\n[[ $a == [![:space:]]* ]] <img\n```\n";
        assert_eq!(shown(&[code]), code);
        let said = "[E7] of <pod-name> has <secret:token:1>; see [the docs](https://k8s.example/).";
        assert_eq!(shown(&[said]), said);
    }
}

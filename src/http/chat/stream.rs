//! An answer as OpenAI's clients read it: whole, or in chunks; what it cites comes as links at its end.

use std::convert::Infallible;

use axum::response::sse::Event as Sent;
use futures::Stream;
use serde::Serialize;
use url::Url;

use super::failure;
use super::openai::{Choice, Chunk, ChunkChoice, Completion, Head, Usage};
use super::turn::{Answered, News, Turn};
use crate::agents::progress::{Cited, RunEvent};
use crate::http::error::log;
use crate::http::runbook::prose;

/// What ends a stream that was complete.
const DONE: &str = "[DONE]";

/// A whole answer.
pub(super) fn whole(answered: &Answered, model: &str, base: Option<&Url>) -> Completion {
    let Answered { answer, cited } = answered;
    let text = format!("{}{}", answer.text, sources(cited, base));
    Completion {
        head: Head::new("chat.completion", model),
        choices: vec![Choice::new(text, answer.finish)],
        usage: answer.into(),
    }
}

/// An answer in chunks. A failure is sent as an error, and nothing after it.
pub(super) fn chunks(
    mut turn: Turn,
    model: &str,
    with_usage: bool,
    base: Option<Url>,
) -> impl Stream<Item = Result<Sent, Infallible>> + use<> {
    let head = Head::new("chat.completion.chunk", model);
    // `null` in every chunk but the last, where usage was asked for.
    let usage = with_usage.then_some(None);
    async_stream::stream! {
        let chunk = |choice: ChunkChoice<'_>| chunk(&head, choice, usage);
        yield chunk(ChunkChoice::role());
        while let Some(news) = turn.next().await {
            match news {
                News::Event(RunEvent::Text { text }) => yield chunk(ChunkChoice::text(&text)),
                News::Event(_) => {}
                News::Failed(error) => {
                    log(&error);
                    yield Ok(data(&failure::body(&error)));
                }
                News::Done(answered) => {
                    let sources = sources(&answered.cited, base.as_ref());
                    if !sources.is_empty() {
                        yield chunk(ChunkChoice::text(&sources));
                    }
                    yield chunk(ChunkChoice::end(answered.answer.finish));
                    if with_usage {
                        let used = Some(Some(Usage::from(&answered.answer)));
                        yield Ok(data(&Chunk { head: &head, choices: Vec::new(), usage: used }));
                    }
                    yield Ok(Sent::default().data(DONE));
                }
            }
        }
    }
}

fn chunk(head: &Head, choice: ChunkChoice<'_>, usage: Option<Option<Usage>>) -> Result<Sent, Infallible> {
    Ok(data(&Chunk { head, choices: vec![choice], usage }))
}

fn data(value: &impl Serialize) -> Sent {
    // serde_json writes no line breaks, so it always fits one line.
    Sent::default().data(serde_json::to_string(value).unwrap_or_default())
}

/// The places that an answer cites, as Markdown.
fn sources(cited: &[Cited], base: Option<&Url>) -> String {
    if cited.is_empty() {
        return String::new();
    }
    let lines = cited.iter().map(|cited| format!("- {} {}\n", cited.mark, linked(cited, base)));
    format!("\n\nSources:\n{}", lines.collect::<String>())
}

/// A title that leads somewhere: only the web can be followed from a chat.
fn linked(cited: &Cited, base: Option<&Url>) -> String {
    let title = prose(&cited.title);
    match absolute(&cited.uri, base) {
        Some(url) => {
            let url = url.as_str().replace('(', "%28").replace(')', "%29");
            format!("[{title}]({url})")
        }
        None => format!("{title} ({})", prose(&cited.uri)),
    }
}

/// Where a citation leads, seen from outside.
pub(super) fn absolute(uri: &str, base: Option<&Url>) -> Option<Url> {
    let url = match base {
        Some(base) => base.join(uri).ok(),
        None => Url::parse(uri).ok(),
    };
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cited(title: &str, uri: &str) -> Cited {
        Cited { mark: "[1]".to_owned(), title: title.to_owned(), uri: uri.to_owned() }
    }

    #[test]
    fn citations_are_links_of_this_server_or_of_the_web() {
        let base = Url::parse("https://kubewright.example/").unwrap();
        let linked = |uri: &str| linked(&cited("A title", uri), Some(&base));
        assert_eq!(
            linked("/api/v1/incidents/inc-a"),
            "[A title](https://kubewright.example/api/v1/incidents/inc-a)"
        );
        assert_eq!(linked("https://k8s.example/a_(b)"), "[A title](https://k8s.example/a_%28b%29)");
        assert_eq!(linked("javascript:alert(1)"), "A title (javascript:alert(1))");
    }

    #[test]
    fn a_title_cannot_lead_elsewhere() {
        let shown = linked(&cited("x](http://evil) [y", "https://a.example/"), None);
        assert_eq!(shown, "[x\\](http://evil) \\[y](https://a.example/)");
        assert_eq!(sources(&[], None), "");
    }
}

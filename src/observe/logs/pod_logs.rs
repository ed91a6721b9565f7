//! Reading the last lines of containers' logs from the API server.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::core::Request;
use kube::core::subresource::LogParams;
use kube::{Client, Resource as _};
use tokio::time::timeout;

use super::super::cluster::{Asked, fetch};
use super::super::{LogExcerpt, ReadError};
use super::Target;
use crate::settings::ObserveSettings;

/// Lines asked for at first, and when those turn out to be too long.
const TAIL_LINES: [i64; 3] = [500, 60, 8];

/// The kubelet applies `limitBytes` from the oldest of the tail's lines on, so the newest would be lost at the limit:
/// more is asked for than is kept, and where even that is not enough, fewer lines.
const HEADROOM: usize = 8;

/// What reading gave: excerpts, and why others are missing.
pub(in super::super) struct Logs {
    pub(in super::super) excerpts: Vec<(Target, LogExcerpt)>,
    pub(in super::super) errors: Vec<ReadError>,
}

/// Reads all targets in parallel, each within the collectors' deadline.
pub(in super::super) async fn read(
    client: &Client,
    targets: Vec<Target>,
    settings: &ObserveSettings,
) -> Logs {
    let reads = targets.into_iter().flat_map(|target| {
        let runs: &[bool] = if target.previous { &[false, true] } else { &[false] };
        runs.iter().map(move |previous| read_one(client, target.clone(), *previous, settings))
    });
    let mut logs = Logs { excerpts: Vec::new(), errors: Vec::new() };
    for (target, result) in join_all(reads).await {
        match result {
            Ok(Some(excerpt)) if !is_repeated(&logs.excerpts, &excerpt) => {
                logs.excerpts.push((target, excerpt));
            }
            Ok(_) => {}
            Err(error) => logs.errors.push(error),
        }
    }
    logs
}

/// A container that waits to be restarted shows the same run as current and previous.
fn is_repeated(known: &[(Target, LogExcerpt)], excerpt: &LogExcerpt) -> bool {
    known.iter().any(|(_, known)| {
        (&known.pod, &known.container, &known.text) == (&excerpt.pod, &excerpt.container, &excerpt.text)
    })
}

async fn read_one(
    client: &Client,
    target: Target,
    previous: bool,
    settings: &ObserveSettings,
) -> (Target, Result<Option<LogExcerpt>, ReadError>) {
    let deadline = settings.collector_deadline;
    let result = match timeout(deadline, excerpt(client, &target, previous, settings.max_log_bytes)).await {
        // The pod is gone, or the container has no such run: nothing to read, and no gap.
        Ok(Err(error)) if matches!(error.code(), Some(400 | 404)) => Ok(None),
        Ok(result) => result,
        Err(_) => Err(ReadError::TimedOut { after: deadline }),
    };
    (target, result)
}

async fn excerpt(
    client: &Client,
    target: &Target,
    previous: bool,
    max_bytes: usize,
) -> Result<Option<LogExcerpt>, ReadError> {
    let limit = max_bytes.saturating_mul(HEADROOM);
    let mut bytes = bytes::Bytes::new();
    let mut asked_lines = 0;
    for lines in TAIL_LINES {
        asked_lines = lines;
        bytes = tail(client, target, previous, lines, limit).await?;
        if bytes.len() < limit {
            break;
        }
    }
    let cut = bytes.len().saturating_sub(max_bytes);
    let kept = bytes.get(cut..).unwrap_or_default();
    // Not to begin in the middle of a line.
    let kept = if cut == 0 { kept } else { kept.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or(kept) };
    let lines = kept.iter().filter(|byte| **byte == b'\n').count();
    Ok((!kept.is_empty()).then(|| LogExcerpt {
        namespace: target.namespace.clone(),
        pod: target.pod.clone(),
        container: target.container.clone(),
        previous,
        text: printable(kept),
        truncated: cut > 0 || i64::try_from(lines).is_ok_and(|lines| lines >= asked_lines),
    }))
}

async fn tail(
    client: &Client,
    target: &Target,
    previous: bool,
    lines: i64,
    limit: usize,
) -> Result<bytes::Bytes, ReadError> {
    let params = LogParams {
        container: Some(target.container.clone()),
        previous,
        tail_lines: Some(lines),
        limit_bytes: i64::try_from(limit).ok(),
        ..LogParams::default()
    };
    let request = Request::new(Pod::url_path(&(), Some(&target.namespace)))
        .logs(&target.pod, &params)
        .map_err(|error| ReadError::Request(error.to_string()))?;
    let asked =
        Asked { verb: "get", resource: "pods/log".to_owned(), namespace: Some(target.namespace.clone()) };
    // A server may return slightly more than `limitBytes`.
    fetch(client, &request, &asked, limit + 64 * 1024).await
}

/// Invalid UTF-8 is replaced; control characters other than line ends and tabs (colours, NUL) and those that
/// reorder text are dropped, as neither databases nor terminals should see them.
pub(in super::super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_escape(&mut characters),
            '\n' | '\t' => kept.push(character),
            character if character.is_control() || is_reordering(character) => {}
            character => kept.push(character),
        }
    }
    kept
}

/// Characters that make a terminal or page show text in another order than it has (UAX #9).
const fn is_reordering(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips the rest of a terminal control sequence such as `[31m` or `[?25l`: parameters, then one final byte (ECMA-48,
/// 5.4). Other escapes lose their first character only: a sequence that never ends must not hide what follows.
fn skip_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    if characters.next_if_eq(&'[').is_some() {
        while characters.next_if(|c| matches!(c, ' '..='?')).is_some() {}
        characters.next_if(|c| matches!(c, '@'..='~'));
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_from_a_container_becomes_plain() {
        assert_eq!(printable(b"\x1b[1;31mERROR\x1b[0m a\xff\x00b\r\n\tc"), "ERROR a\u{fffd}b\n\tc");
        assert_eq!(printable(b"\x1b[?25l\x1b[2Ja\x1b]0;title\x07b\xc2\x9bc"), "a]0;titlebc");
    }
}

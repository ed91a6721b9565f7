//! The `log` subresource of pods.

mod follow;
mod select;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};

use super::resource::Call;
use crate::sim::kinds::PODS;
use crate::sim::logbook::LogLine;
use crate::sim::objects::ApiError;
use select::Selection;

/// Answers a GET.
pub(super) fn log(call: &Call) -> Result<Response, ApiError> {
    let target = &call.target;
    let name = target.object_name();
    let pod = call.api.store.get_shared(&PODS, target.store_namespace(), name);
    let pod = pod.ok_or_else(|| ApiError::not_found(&PODS, name))?;
    let options = LogOptions::read(call)?;
    if pod.pointer("/spec/nodeName").is_none() {
        return Ok(text(Body::empty()));
    }
    let selection = Selection::of(&pod, &options)?;
    if options.follow && selection.running {
        return Ok(text(follow::stream(call, selection, options)));
    }
    let lines = call
        .api
        .logs
        .read(target.store_namespace(), name, &selection.container, selection.restart)
        .unwrap_or_default();
    Ok(text(Body::from(options.shown(&lines))))
}

fn text(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], body).into_response()
}

/// The query of a log request.
#[derive(Debug, Clone, Default)]
struct LogOptions {
    container: String,
    follow: bool,
    previous: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    tail: Option<usize>,
    limit: Option<usize>,
}

impl LogOptions {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let query = &call.query;
        let count = |key: &str| -> Result<Option<usize>, ApiError> {
            let Some(number) = query.number(key)? else { return Ok(None) };
            usize::try_from(number).map(Some).map_err(|_| {
                let message = format!("PodLogOptions \"\" is invalid: {key}: Invalid value: {number}: must be greater than or equal to 0");
                ApiError::new(422, "Invalid", message)
            })
        };
        Ok(Self {
            container: query.text("container").to_owned(),
            follow: query.flag("follow"),
            previous: query.flag("previous"),
            timestamps: query.flag("timestamps"),
            since: since(call)?,
            tail: count("tailLines")?,
            limit: count("limitBytes")?,
        })
    }

    /// The lines as they are sent, cut to what was asked for.
    fn shown(&self, lines: &[LogLine]) -> String {
        let recent: Vec<&LogLine> =
            lines.iter().filter(|line| self.since.is_none_or(|since| line.at >= since)).collect();
        let skipped = self.tail.map_or(0, |tail| recent.len().saturating_sub(tail));
        let mut out = String::new();
        for line in recent.into_iter().skip(skipped) {
            out.push_str(&self.line(line));
        }
        if let Some(limit) = self.limit {
            let cut = out.floor_char_boundary(limit);
            out.truncate(cut);
        }
        out
    }

    fn line(&self, line: &LogLine) -> String {
        if self.timestamps { format!("{:.9} {}\n", line.at, line.text) } else { format!("{}\n", line.text) }
    }
}

fn since(call: &Call) -> Result<Option<Timestamp>, ApiError> {
    if let Some(seconds) = call.query.number("sinceSeconds")? {
        if seconds <= 0 {
            let message = format!(
                "PodLogOptions \"\" is invalid: sinceSeconds: Invalid value: {seconds}: must be greater than 0"
            );
            return Err(ApiError::new(422, "Invalid", message));
        }
        let ago = SignedDuration::from_secs(seconds);
        return Ok(Some(call.api.store.now().checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH)));
    }
    match call.query.text("sinceTime") {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| ApiError::bad_request(format!("invalid sinceTime: {text}")))
        }
    }
}

//! One container's log, as much of it as was asked for.

use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;
use kube::core::Request;
use kube::core::subresource::LogParams;

use super::super::ReadError;
use super::super::logs::printable;
use super::names;
use super::reader::ClusterReader;

/// Most of one log that is read, bytes.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Where lines are too long to fit, fewer are asked for, by this factor.
const FEWER: i64 = 8;

/// Which part of which log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Namespace.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container; may be left out where the pod has one only.
    pub container: Option<String>,
    /// The run before the current one.
    pub previous: bool,
    /// Only lines younger than this.
    pub since: Option<Duration>,
    /// The last lines of what is left.
    pub tail: i64,
    /// Begins each line with its time.
    pub timestamps: bool,
}

/// What was read of a log. Untrusted text, without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogText {
    /// The lines, oldest first.
    pub text: String,
    /// How many lines were asked for in the end: fewer than in the query where the lines are very long.
    pub tail: i64,
}

impl ClusterReader {
    /// Reads a container's log.
    ///
    /// # Errors
    /// [`ReadError`]; `Status` 400 where the container has no such run.
    pub async fn log(&self, query: &LogQuery) -> Result<LogText, ReadError> {
        names::check(Some(&query.namespace), Some(&query.pod))?;
        let mut tail = query.tail.max(1);
        loop {
            let bytes = self.log_tail(query, tail).await?;
            // At its limit the kubelet leaves out the newest lines, which are wanted most.
            if bytes.len() < MAX_BYTES || tail == 1 {
                return Ok(LogText { text: printable(&bytes), tail });
            }
            tail = (tail / FEWER).max(1);
        }
    }

    async fn log_tail(&self, query: &LogQuery, tail: i64) -> Result<Bytes, ReadError> {
        let params = LogParams {
            container: query.container.clone(),
            previous: query.previous,
            since_seconds: query.since.and_then(|since| i64::try_from(since.as_secs().max(1)).ok()),
            tail_lines: Some(tail),
            limit_bytes: i64::try_from(MAX_BYTES).ok(),
            timestamps: query.timestamps,
            ..LogParams::default()
        };
        let request = Request::new(Pod::url_path(&(), Some(&query.namespace))).logs(&query.pod, &params);
        let request = request.map_err(|error| ReadError::Request(error.to_string()))?;
        let asked = Self::asked("get", "pods/log", Some(&query.namespace));
        // A server may return slightly more than `limitBytes`.
        self.send(&request, &asked, MAX_BYTES + 64 * 1024).await
    }
}

//! What answers to watches pass before kube reads them.
//!
//! kube reads lists and lines of any size, and logs a list that it cannot read, whole: a Secret would end up in the log. Here
//! answers are bounded, and of ConfigMaps and Secrets only names, keys and times are let through.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::{BoxError, service_fn};

use super::super::cluster::{Keyed, MapValue, Nothing, Remains};
use super::stored::Stored;

/// Largest page of a list, bytes.
const MAX_PAGE: usize = 64 * 1024 * 1024;

/// Longest line of a watch, bytes: objects have at most about 1.5 MiB.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// What comes through.
type Passed = UnsyncBoxBody<Bytes, BoxError>;

/// The client with the door in front, for objects that are kept as `T`.
pub(super) fn through<T: Stored>(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let passing = passing::<T>(request.uri().path());
            let is_watch =
                request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
            let response = client.send(request).await?;
            if is_watch && response.status().is_success() {
                return Ok(response.map(bounded_lines));
            }
            page(response, passing).await
        }
    });
    Client::new(service, namespace)
}

/// What passes of a list.
type Passing = fn(Bytes) -> Result<Bytes, BoxError>;

fn passing<T: Stored>(path: &str) -> Passing {
    match path.rsplit('/').next() {
        Some("configmaps") => without_values::<MapValue>,
        Some("secrets") => without_values::<Nothing>,
        _ => readable::<T>,
    }
}

async fn page(response: Response<Body>, passing: Passing) -> Result<Response<Passed>, BoxError> {
    let (parts, body) = response.into_parts();
    let bytes = Limited::new(body, MAX_PAGE).collect().await?.to_bytes();
    let bytes = if parts.status.is_success() { passing(bytes)? } else { bytes };
    let body = Full::new(bytes).map_err(|never| match never {});
    Ok(Response::from_parts(parts, body.boxed_unsync()))
}

/// The page if it can be read: what cannot would be logged.
fn readable<T: Stored>(bytes: Bytes) -> Result<Bytes, BoxError> {
    #[derive(Deserialize)]
    #[serde(bound = "T: DeserializeOwned")]
    struct Objects<T> {
        #[serde(default, rename = "items")]
        _items: Option<Vec<T>>,
    }
    match serde_json::from_slice::<Objects<T>>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("the list cannot be read, at line {}", error.line()).into()),
    }
}

#[derive(Deserialize, Serialize)]
#[serde(bound = "V: Remains")]
struct Page<V> {
    #[serde(rename = "apiVersion", default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    metadata: serde_json::Value,
    #[serde(default)]
    items: Option<Vec<Keyed<V>>>,
}

/// The page with what is kept of it and nothing else.
fn without_values<V: Remains>(bytes: Bytes) -> Result<Bytes, BoxError> {
    let mut page: Page<V> = serde_json::from_slice(&bytes)
        .map_err(|error| format!("the list cannot be read, at line {}", error.line()))?;
    page.items.iter_mut().flatten().for_each(Keyed::note_changes);
    Ok(Bytes::from(serde_json::to_vec(&page)?))
}

/// The answer, in which a line that is too long is broken: its rest cannot be read, and the watch begins anew.
fn bounded_lines(body: Body) -> Passed {
    let mut length = 0_usize;
    let bounded = body.map_frame(move |frame| frame.map_data(|piece| broken(&mut length, piece)));
    bounded.map_err(BoxError::from).boxed_unsync()
}

/// The piece, after a line break where the line that it goes on with is too long; `length` is of that line so far, bytes.
fn broken(length: &mut usize, piece: Bytes) -> Bytes {
    *length = match piece.iter().rposition(|byte| *byte == b'\n') {
        Some(last) => piece.len() - last,
        None => length.saturating_add(piece.len()),
    };
    if *length <= MAX_LINE {
        return piece;
    }
    *length = piece.len();
    Bytes::from([b"\n".as_slice(), piece.as_ref()].concat())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use k8s_openapi::api::core::v1::Pod;

    use super::super::super::cluster::{MapValue, Nothing};
    use super::{MAX_LINE, broken, readable, without_values};

    #[test]
    fn neither_values_nor_annotations_of_a_secret_pass() {
        let list = r#"{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"next"},"items":[
            {"metadata":{"name":"db","namespace":"shop","resourceVersion":"5","annotations":{"note":"hunter2"},
             "managedFields":[{"time":"2026-01-02T00:00:00Z"}]},"data":{"password":"aHVudGVyMg=="}}]}"#;
        let passed = without_values::<Nothing>(list.into()).unwrap();
        let passed: serde_json::Value = serde_json::from_slice(&passed).unwrap();
        assert_eq!(passed["metadata"]["continue"], "next");
        assert_eq!(passed["items"][0]["data"], serde_json::json!({"password": null}));
        assert!(
            !passed.to_string().contains("hunter2") && !passed.to_string().contains("aHVudGVyMg"),
            "{passed}"
        );
    }

    #[test]
    fn a_line_without_end_is_broken_and_others_are_left_alone() {
        let mut length = 0;
        let piece = Bytes::from(vec![b'x'; MAX_LINE / 2]);
        let line = Bytes::from_static(b"{}\n");
        for _ in 0..8 {
            assert_eq!(broken(&mut length, piece.clone()), piece);
            assert_eq!(broken(&mut length, line.clone()), line);
        }
        let pieces: Vec<Bytes> = (0..8).map(|_| broken(&mut length, piece.clone())).collect();
        let longest = pieces.concat().split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        assert!(longest <= Some(MAX_LINE), "{longest:?}");
        assert_eq!(pieces.concat().iter().filter(|byte| **byte == b'x').count(), 8 * piece.len());
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_being_quoted() {
        for error in [
            without_values::<MapValue>(r#"{"metadata":{},"items":[{"data":{"password":"hunter2"#.into())
                .unwrap_err(),
            readable::<Pod>("hunter2".into()).unwrap_err(),
            readable::<Pod>(r#"{"items":[{"metadata":{},"spec":"hunter2"}]}"#.into()).unwrap_err(),
        ] {
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

//! Reading request bodies: JSON, YAML or protobuf, of bounded size.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde_json::Value;

use super::protobuf;
use crate::sim::objects::ApiError;

/// The API server's own limit on a request body.
const LIMIT: usize = 3 * 1024 * 1024;

const READABLE: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// A body and what it claims to be.
#[derive(Debug, Clone)]
pub(super) struct RequestBody {
    /// The media type without parameters, empty when not said.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

impl RequestBody {
    /// Reads a body to its end.
    ///
    /// # Errors
    /// 413 when it is too large, 400 when it breaks off.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, ApiError> {
        let announced =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = announced.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = axum::body::to_bytes(body, LIMIT).await.map_err(|error| {
            let too_long = format!("{error:?}").contains("LengthLimitError");
            if too_long {
                let message = format!("Request entity too large: limit is {LIMIT}");
                return ApiError::new(413, "RequestEntityTooLarge", message);
            }
            ApiError::bad_request("the request body could not be read to its end")
        })?;
        Ok(Self { media_type, bytes })
    }

    /// The object in the body.
    ///
    /// # Errors
    /// 400 when it cannot be parsed, 415 for media types and protobuf kinds that are not read.
    pub(super) fn object(&self) -> Result<Value, ApiError> {
        let value = match self.media_type.as_str() {
            "" | "application/json" => self.json()?,
            "application/yaml" | "application/x-yaml" | "text/yaml" => self.yaml()?,
            "application/vnd.kubernetes.protobuf" => self.protobuf()?,
            _ => return Err(ApiError::unsupported_media_type(READABLE)),
        };
        if value.is_object() {
            return Ok(value);
        }
        Err(ApiError::bad_request("the object provided is unrecognized (must be of type Object)"))
    }

    /// The object in the body, or none when there is no body.
    ///
    /// # Errors
    /// As for [`Self::object`].
    pub(super) fn optional_object(&self) -> Result<Option<Value>, ApiError> {
        if self.bytes.is_empty() { Ok(None) } else { self.object().map(Some) }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 when it is not.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        serde_json::from_slice(&self.bytes).map_err(|error| {
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be valid JSON): {error}"
            ))
        })
    }

    /// The body as YAML, of which JSON is a part.
    ///
    /// # Errors
    /// 400 when it is not.
    pub(super) fn yaml(&self) -> Result<Value, ApiError> {
        if let Ok(value) = serde_json::from_slice(&self.bytes) {
            return Ok(value);
        }
        let refuse = |why: String| ApiError::bad_request(format!("error decoding YAML: {why}"));
        let text = std::str::from_utf8(&self.bytes).map_err(|error| refuse(error.to_string()))?;
        serde_saphyr::from_str(text).map_err(|error| refuse(error.to_string()))
    }

    fn protobuf(&self) -> Result<Value, ApiError> {
        protobuf::decode(&self.bytes).map_err(|error| match error {
            protobuf::Unreadable::Malformed => ApiError::bad_request(error.to_string()),
            protobuf::Unreadable::UnknownKind { .. } => {
                ApiError::new(415, "UnsupportedMediaType", format!("{error}: send application/json"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quoted_digits_in_yaml_stay_text() {
        let text = "a: \"8080\"\nb: \"00000000000000000000000000000001\"\nc: 8080\n";
        let body =
            RequestBody { media_type: "application/yaml".into(), bytes: Bytes::from_static(text.as_bytes()) };
        assert_eq!(
            body.object(),
            Ok(json!({"a": "8080", "b": "00000000000000000000000000000001", "c": 8080}))
        );
    }
}

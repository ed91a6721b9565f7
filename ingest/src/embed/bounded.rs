//! The HTTP client below the embedding endpoint: reads no more than it must, keeps the key out of errors, and puts vectors
//! into the order of the texts.

use bytes::Bytes;
use rig_core::http_client::{
    Error, HttpClientExt, LazyBody, MultipartForm, Request, Response, Result, StreamingResponse,
};
use serde_json::{Value, json};
use thiserror::Error as ThisError;

/// Most of a refusal that is shown, characters.
const REFUSAL: usize = 300;

/// Speaks to one endpoint.
#[derive(Clone)]
pub(super) struct BoundedClient {
    client: reqwest::Client,
    key: String,
    most: usize,
}

/// What this client does not do.
#[derive(Debug, ThisError)]
enum Unfit {
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("embeddings are asked for as one whole answer")]
    NotWhole,
}

impl BoundedClient {
    /// A client that reads answers of at most `most` bytes. It follows no redirections: they could carry the key away.
    pub(super) fn new(key: String, most: usize) -> reqwest::Result<Self> {
        crate::source::install_crypto_provider();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, key, most })
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let (head, body) = request.into_parts();
        let request = self.client.request(head.method, head.uri.to_string()).headers(head.headers);
        let sent = request.body(body).send().await;
        let mut response = sent.map_err(|error| Error::instance(error.without_url()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut read = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| Error::instance(error.without_url()))?
        {
            if read.len() + chunk.len() > self.most {
                return Err(Error::instance(Unfit::TooLarge(self.most)));
            }
            read.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(Error::non_success_with_details(status, headers, self.refusal(&read)));
        }
        let mut answer = Response::new(Bytes::from(in_order(&read).unwrap_or(read)));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }

    /// The beginning of what a server says when it refuses. Some quote the key.
    fn refusal(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let text = if self.key.is_empty() { text.into_owned() } else { text.replace(&self.key, "(hidden)") };
        text.chars().take(REFUSAL).collect()
    }
}

/// An answer as rig wants it: vectors in the order of the texts, where the server has numbered them, for rig takes them as
/// they come; and with a count of tokens, which not every compatible server sends.
fn in_order(answer: &[u8]) -> Option<Vec<u8>> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    let data = answer.get_mut("data")?.as_array_mut()?;
    let number = |datum: &Value| datum.get("index").and_then(Value::as_u64);
    if data.iter().all(|datum| number(datum).is_some()) {
        data.sort_by_key(|datum| number(datum));
    }
    let uncounted = json!({"prompt_tokens": 0, "total_tokens": 0});
    answer.as_object_mut()?.entry("usage").or_insert(uncounted);
    serde_json::to_vec(&answer).ok()
}

impl HttpClientExt for BoundedClient {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + Send + 'static
    where
        T: Into<Bytes> + Send,
        U: From<Bytes> + Send + 'static,
    {
        let (client, request) = (self.clone(), request.map(Into::into));
        async move {
            let answer = client.answer(request).await?;
            Ok(answer.map(|body| -> LazyBody<U> { Box::pin(async move { Ok(U::from(body)) }) }))
        }
    }

    fn send_multipart<U>(
        &self,
        _: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + Send + 'static
    where
        U: From<Bytes> + Send + 'static,
    {
        std::future::ready(Err(Error::instance(Unfit::NotWhole)))
    }

    async fn send_streaming<T>(&self, _: Request<T>) -> Result<StreamingResponse>
    where
        T: Into<Bytes> + Send,
    {
        Err(Error::instance(Unfit::NotWhole))
    }
}

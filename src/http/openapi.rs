//! The OpenAPI document, generated from the handlers.

use axum::Json;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};

use super::ErrorBody;

/// The OpenAPI document of everything that [`super::router`] serves.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = super::open().merge(super::guarded(0)).merge(super::chat::turns()).into_openapi();
    // The router's mark for "and everything below" is none of OpenAPI's.
    let paths = std::mem::take(&mut document.paths.paths).into_iter();
    document.paths.paths = paths.map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

/// The document before the routes are added.
pub(super) fn frame() -> OpenApi {
    Frame::openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "kubewright",
        description = "An incident responder for Kubernetes: from an alert to a verified repair. Every error has the \
                       shape of ErrorBody; below /v1 it has OpenAI's.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "webhooks", description = "Where alerts are sent."),
        (name = "incidents", description = "What is and was going on."),
        (name = "approvals", description = "Repairs that wait for a person."),
        (name = "runs", description = "What agents were asked and did, with everything that was said."),
        (name = "chat", description = "Questions in words; below /v1 as OpenAI's clients ask them."),
        (name = "knowledge", description = "Documents and past incidents to search."),
        (name = "operations", description = "Health, metrics, this document."),
    ),
    components(schemas(ErrorBody)),
    security(("bearer" = []), ("api_key" = [])),
    modifiers(&Schemes),
)]
struct Frame;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", operation_id = "openapi", tag = "operations", responses((status = 200, body = Object)))]
pub(super) async fn document() -> Json<OpenApi> {
    Json(openapi())
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "openapi_v1", tag = "operations", responses((status = 200, body = Object)))]
pub(super) async fn document_v1() -> Json<OpenApi> {
    Json(openapi())
}

//! `/version` and the health endpoints.

use axum::Json;
use serde_json::{Value, json};

/// The version of the API that is simulated.
pub(super) async fn version() -> Json<Value> {
    Json(json!({
        "major": "1", "minor": "36",
        "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.2+kubewright-sim", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "linux/amd64",
    }))
}

/// Always well.
pub(super) async fn health() -> &'static str {
    "ok"
}

//! Setting the number of replicas.

use serde_json::Value;

use super::{Change, Impossible, Request, pods, replicas, require_kind};
use crate::incident::ObjectRef;
use crate::remediate::fields;
use crate::remediate::prior::{Prior, Watched};

const REPLICAS: &str = "/spec/replicas";

pub(super) fn change(workload: &ObjectRef, wanted: i32, live: &Value) -> Result<Change, Impossible> {
    require_kind(&workload.kind, &["Deployment", "StatefulSet", "ReplicaSet"], "scaled")?;
    if wanted < 0 {
        return Err(Impossible::because(format!("{wanted} is not a number of replicas")));
    }
    let now = replicas(live);
    if now == i64::from(wanted) {
        return Err(Impossible::because(format!("{workload} already wants {wanted} replicas")));
    }
    let mut desired = live.clone();
    fields::set(&mut desired, REPLICAS, Value::from(wanted));
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::capture(live, Watched::Spec, &[REPLICAS]),
        undo: format!("scales back to {now} replicas"),
        pods_affected: pods((i64::from(wanted) - now).abs()),
    })
}

//! Raising `maxReplicas` of a HorizontalPodAutoscaler.

use serde_json::Value;

use super::{Change, Impossible, Request, pods, require_kind};
use crate::incident::ObjectRef;
use crate::remediate::fields;
use crate::remediate::prior::{Prior, Watched};

const MAXIMUM: &str = "/spec/maxReplicas";

pub(super) fn change(hpa: &ObjectRef, wanted: i32, live: &Value) -> Result<Change, Impossible> {
    require_kind(&hpa.kind, &["HorizontalPodAutoscaler"], "given another maximum")?;
    let now =
        fields::number(live, MAXIMUM).ok_or_else(|| Impossible::because(format!("{hpa} has no maximum")))?;
    let more = i64::from(wanted) - now;
    if more <= 0 {
        return Err(Impossible::because(format!("the maximum of {hpa} is {now} already")));
    }
    let mut desired = live.clone();
    fields::set(&mut desired, MAXIMUM, Value::from(wanted));
    Ok(Change {
        request: Request::Replace(desired),
        prior: Prior::capture(live, Watched::Spec, &[MAXIMUM]),
        undo: format!("sets the maximum back to {now} replicas"),
        pods_affected: pods(more),
    })
}

//! Whether an autoscaler has room again.

use serde_json::Value;

use super::{Look, Seen};
use crate::incident::ObjectRef;
use crate::remediate::error::ClusterError;
use crate::remediate::fields;

pub(super) async fn below_maximum(look: &Look<'_>, hpa: &ObjectRef) -> Result<Seen, ClusterError> {
    let live = look.read_object(hpa).await?;
    Ok(judge(&live))
}

/// `ScalingLimited` with `TooManyReplicas` is how the controller says that it wants more than the maximum; where it has
/// not spoken, wanting exactly the maximum counts as limited.
fn judge(live: &Value) -> Seen {
    let Some(maximum) = fields::number(live, "/spec/maxReplicas") else {
        return Seen::unknown("it has no maximum");
    };
    let Some(desired) = fields::number(live, "/status/desiredReplicas") else {
        return Seen::unknown("its controller has not spoken yet");
    };
    let limited = fields::list(live, "/status/conditions")
        .iter()
        .find(|condition| fields::text(condition, "/type") == Some("ScalingLimited"));
    let wants_more = match limited {
        Some(condition) => {
            fields::text(condition, "/status") == Some("True")
                && fields::text(condition, "/reason") == Some("TooManyReplicas")
        }
        None => desired >= maximum,
    };
    let note = if wants_more { ", and wants more" } else { "" };
    Seen::told(
        !wants_more && desired <= maximum,
        format!("wants {desired} of at most {maximum} replicas{note}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge;

    fn hpa(desired: &Value, conditions: &Value) -> Value {
        json!({ "spec": { "maxReplicas": 5 }, "status": { "desiredReplicas": desired, "conditions": conditions } })
    }

    #[test]
    fn an_autoscaler_is_limited_when_it_says_so_or_stands_at_its_maximum() {
        let limited = json!([{ "type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas" }]);
        let free = json!([{ "type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange" }]);
        let at_minimum = json!([{ "type": "ScalingLimited", "status": "True", "reason": "TooFewReplicas" }]);
        let looks = [
            hpa(&json!(5), &limited),
            hpa(&json!(5), &free),
            hpa(&json!(5), &json!([])),
            hpa(&json!(1), &at_minimum),
            hpa(&Value::Null, &json!([])),
        ];
        let passed = looks.map(|live| judge(&live).passed);
        assert_eq!(passed, [Some(false), Some(true), Some(false), Some(true), None]);
    }
}

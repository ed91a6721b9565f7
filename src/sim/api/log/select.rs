//! Which start of which container a log request means, with the kubelet's own refusals.

use serde_json::Value;

use super::LogOptions;
use crate::sim::objects::{ApiError, meta};

/// One start of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) container: String,
    pub(super) restart: u32,
    /// Whether more lines may come.
    pub(super) running: bool,
}

impl Selection {
    pub(super) fn of(pod: &Value, options: &LogOptions) -> Result<Self, ApiError> {
        let container = container(pod, &options.container)?;
        let name = meta::name(pod);
        let Some(status) = status(pod, &container) else {
            return Err(ApiError::bad_request(format!(
                "container {container:?} in pod {name:?} is waiting to start - no logs yet"
            )));
        };
        let restart = status
            .get("restartCount")
            .and_then(Value::as_u64)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(0);
        let state = |key: &str| status.pointer(&format!("/state/{key}")).filter(|state| !state.is_null());
        let ended_before = status.pointer("/lastState/terminated").is_some_and(Value::is_object);
        if options.previous {
            if !ended_before {
                let message =
                    format!("previous terminated container {container:?} in pod {name:?} not found");
                return Err(ApiError::bad_request(message));
            }
            // A container that waits for its next start has its last start as the previous one.
            let restart = if state("waiting").is_some() { restart } else { restart.saturating_sub(1) };
            return Ok(Self { container, restart, running: false });
        }
        if state("running").is_none() && state("terminated").is_none() && !ended_before {
            return Err(waiting(&container, name, state("waiting")));
        }
        Ok(Self { container, restart, running: state("running").is_some() })
    }
}

fn waiting(container: &str, pod: &str, state: Option<&Value>) -> ApiError {
    let reason = state.and_then(|state| state.get("reason")).and_then(Value::as_str).unwrap_or_default();
    let why = match reason {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        other => other,
    };
    ApiError::bad_request(format!("container {container:?} in pod {pod:?} is waiting to start: {why}"))
}

fn container(pod: &Value, asked: &str) -> Result<String, ApiError> {
    let names = |path: &str| -> Vec<&str> {
        let list = pod.pointer(path).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|container| container.get("name")?.as_str()).collect()
    };
    let (main, init) = (names("/spec/containers"), names("/spec/initContainers"));
    if !asked.is_empty() {
        return if main.contains(&asked) || init.contains(&asked) {
            Ok(asked.to_owned())
        } else {
            Err(ApiError::bad_request(format!("container {asked} is not valid for pod {}", meta::name(pod))))
        };
    }
    match main.as_slice() {
        [only] if init.is_empty() => Ok((*only).to_owned()),
        [only] => Ok((*only).to_owned()),
        several => {
            let mut message = format!(
                "a container name must be specified for pod {}, choose one of: [{}]",
                meta::name(pod),
                several.join(" ")
            );
            if !init.is_empty() {
                message.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
            }
            Err(ApiError::bad_request(message))
        }
    }
}

fn status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    ["/status/containerStatuses", "/status/initContainerStatuses"].into_iter().find_map(|path| {
        let list = pod.pointer(path)?.as_array()?;
        list.iter().find(|status| status.get("name").and_then(Value::as_str) == Some(container))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "fixtures are built in place")]

    use super::*;
    use serde_json::json;

    fn pod(status: Value) -> Value {
        json!({
            "metadata": {"name": "web-1"}, "spec": {"containers": [{"name": "web"}]},
            "status": {"containerStatuses": [status]},
        })
    }

    fn select(status: Value, previous: bool) -> Result<(u32, bool), String> {
        let options = LogOptions { previous, ..LogOptions::default() };
        Selection::of(&pod(status), &options).map(|s| (s.restart, s.running)).map_err(|e| e.message)
    }

    #[test]
    fn the_state_of_the_container_decides_which_start_is_meant() {
        let ended = json!({"terminated": {"exitCode": 1}});
        let running = json!({"name": "web", "restartCount": 2, "state": {"running": {}}, "lastState": ended});
        assert_eq!([select(running.clone(), false), select(running, true)], [Ok((2, true)), Ok((1, false))]);
        let crashed = json!({"name": "web", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended});
        assert_eq!([select(crashed.clone(), false), select(crashed, true)], [Ok((2, false)), Ok((2, false))]);
    }

    #[test]
    fn refusals_are_the_kubelets_own() {
        let fresh = json!({"name": "web", "restartCount": 0, "state": {"running": {}}, "lastState": {}});
        assert_eq!(
            select(fresh, true),
            Err("previous terminated container \"web\" in pod \"web-1\" not found".to_owned())
        );
        let pulling =
            json!({"name": "web", "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff"}}});
        assert_eq!(
            select(pulling, false),
            Err("container \"web\" in pod \"web-1\" is waiting to start: trying and failing to pull image"
                .to_owned())
        );
        let two =
            json!({"metadata": {"name": "web-1"}, "spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(
            Selection::of(&two, &LogOptions::default()).map_err(|e| e.message),
            Err("a container name must be specified for pod web-1, choose one of: [a b]".to_owned())
        );
    }
}

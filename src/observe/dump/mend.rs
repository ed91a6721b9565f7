//! Reading an object that does not quite fit its type: what does not fit is dropped, not the object.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::documents::Body;

/// Most fields that are dropped from one object.
const MENDS: usize = 8;

/// The object, and how many of its fields had to be dropped; or why there is none.
pub(super) fn read<T: DeserializeOwned>(body: Body<'_>) -> Result<(T, usize), String> {
    let mut value = match body {
        Body::Json(text) => match serde_json::from_str(text) {
            Ok(object) => return Ok((object, 0)),
            Err(_) => serde_json::from_str::<Value>(text).map_err(|_| "it is no JSON".to_owned())?,
        },
        Body::Value(value) => value,
    };
    let Some(object) = value.as_object_mut() else { return Err("it is no object".to_owned()) };
    // The types insist on one version; older ones differ little.
    object.remove("apiVersion");
    object.remove("kind");
    for dropped in 0..=MENDS {
        match serde_path_to_error::deserialize(&value) {
            Ok(object) => return Ok((object, dropped)),
            Err(error) => {
                if !remove(&mut value, error.path()) {
                    break;
                }
            }
        }
    }
    Err("its fields do not fit its kind".to_owned())
}

/// Removes what is at a path, as far as there is something; `false` where nothing was removed.
fn remove(value: &mut Value, path: &Path) -> bool {
    let segments: Vec<&Segment> = path.iter().collect();
    let Some((last, above)) = segments.split_last() else { return false };
    let mut place = value;
    for segment in above {
        let next = match segment {
            Segment::Map { key } => place.get_mut(key),
            Segment::Seq { index } => place.get_mut(index),
            _ => None,
        };
        let Some(next) = next else { return false };
        place = next;
    }
    match (last, place) {
        (Segment::Map { key }, Value::Object(object)) => object.shift_remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(items)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::super::documents::Body;
    use super::read;

    #[test]
    fn fields_that_do_not_fit_are_dropped_and_the_rest_stays() {
        let odd = json!({"apiVersion": "v0", "kind": "Pod", "metadata": {"name": "a", "labels": ["no map"]},
            "spec": {"containers": [{"name": "x", "image": 7}, "no container"], "nodeName": "node-1"}});
        let (pod, dropped): (Pod, usize) = read(Body::Json(&odd.to_string())).unwrap();
        let spec = pod.spec.unwrap();
        assert_eq!((dropped, pod.metadata.name.as_deref()), (3, Some("a")));
        assert_eq!((spec.node_name.as_deref(), spec.containers.len()), (Some("node-1"), 1));
    }

    #[test]
    fn what_is_no_object_at_all_is_an_error() {
        for text in ["7", "[]", "null", "{"] {
            assert!(read::<Pod>(Body::Json(text)).is_err(), "{text}");
        }
    }
}

//! What an answer must look like, shown instead of described: small models follow an example where they cannot follow a
//! schema.

use serde_json::{Map, Value};

/// How deep a shape is shown; schemas may refer to themselves.
const DEEPEST: usize = 6;

/// An example of what the schema asks for, with a word for each value.
pub(super) fn shape(schema: &Value) -> Value {
    part(schema, schema, 0)
}

fn part(schema: &Value, whole: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(referred) = schema.get("$ref").and_then(Value::as_str) {
        let found = referred.strip_prefix('#').and_then(|place| whole.pointer(place));
        return found.map_or(Value::Null, |found| part(found, whole, depth + 1));
    }
    if let Some(first) = schema.pointer("/enum/0").or_else(|| schema.get("const")) {
        return first.clone();
    }
    if let Some(first) = schema.pointer("/oneOf/0").or_else(|| schema.pointer("/anyOf/0")) {
        return part(first, whole, depth + 1);
    }
    let kind = schema.get("type");
    let kind = kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
    match kind {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let shown = |(name, field): (&String, &Value)| (name.clone(), part(field, whole, depth + 1));
            Value::Object(
                properties.map(|fields| fields.iter().map(shown).collect::<Map<_, _>>()).unwrap_or_default(),
            )
        }
        Some("array") => {
            let item = schema.get("items").map(|item| part(item, whole, depth + 1));
            Value::Array(item.into_iter().collect())
        }
        Some("number") => 0.5.into(),
        Some("integer") => 1.into(),
        Some("boolean") => true.into(),
        _ => "text".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::shape;
    use crate::agents::answers::{Dispatch, Judgement, Lesson, Remedy, Report};

    fn schema(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_shown_can_be_submitted() {
        let shown = |text: &str| shape(&schema(text));
        let orchestrator = shown(include_str!("../../../prompts/schemas/orchestrator.json"));
        let expected = json!({"reason": "text", "assignments": [{"specialist": "text", "question": "text"}]});
        assert_eq!(orchestrator, expected);
        serde_json::from_value::<Dispatch>(orchestrator).unwrap();
        let report = shown(include_str!("../../../prompts/schemas/report.json"));
        assert_eq!(
            report["hypotheses"][0]["object"],
            json!({"kind": "text", "namespace": "text", "name": "text"})
        );
        serde_json::from_value::<Report>(report).unwrap();
        serde_json::from_value::<Judgement>(shown(include_str!("../../../prompts/schemas/judge.json")))
            .unwrap();
        serde_json::from_value::<Remedy>(shown(include_str!("../../../prompts/schemas/remedy.json")))
            .unwrap();
        serde_json::from_value::<Lesson>(shown(include_str!("../../../prompts/schemas/lesson.json")))
            .unwrap();
    }

    #[test]
    fn a_schema_that_refers_to_itself_has_an_end() {
        let schema =
            json!({"type": "object", "properties": {"next": {"$ref": "#"}, "gone": {"$ref": "#/x"}}});
        assert!(shape(&schema).to_string().len() < 400);
        assert_eq!(shape(&json!(7)), json!("text"));
    }
}

//! JSON Schemas of arguments, from their types.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The schema of a type of arguments: one object without references, in the subset that every provider understands.
/// Doc comments become descriptions.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.with_transform(Plain).into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.remove("description");
    schema.to_value()
}

/// Says of an optional property what it is where it is there: not being required says the rest.
#[derive(Debug, Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("format");
        schema.remove("default");
        let types = schema.get("type").and_then(Value::as_array).cloned();
        if let Some([only]) = types.map(without_null).as_deref() {
            schema.insert("type".to_owned(), only.clone());
        }
    }
}

fn without_null(types: Vec<Value>) -> Vec<Value> {
    types.into_iter().filter(|name| name != "null").collect()
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::schema_of;

    /// Not told.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Arguments {
        /// What to read.
        name: String,
        /// Where.
        namespace: Option<String>,
        /// How much.
        #[serde(default)]
        tail: u32,
    }

    #[test]
    fn optional_arguments_are_not_required_and_unknown_ones_are_refused() {
        let expected = json!({"type": "object", "properties": {
                "name": {"description": "What to read.", "type": "string"},
                "namespace": {"description": "Where.", "type": "string"},
                "tail": {"description": "How much.", "type": "integer", "minimum": 0}},
            "additionalProperties": false, "required": ["name"]});
        assert_eq!(schema_of::<Arguments>(), expected);
    }
}

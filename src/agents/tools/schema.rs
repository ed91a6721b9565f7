//! JSON Schemas of arguments, from their types: what is read and what is told cannot differ.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of `T` in one piece, without references and titles, which some models' servers do not understand.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        for extra in ["title", "description"] {
            root.remove(extra);
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// Every object in it that has properties.
    fn objects<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
        match schema {
            Value::Object(map) => {
                if map.contains_key("properties") && map.contains_key("type") {
                    found.push(schema);
                }
                map.values().for_each(|value| objects(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_tool_has_a_closed_schema_without_references_and_a_description() {
        for tool in super::super::sources() {
            let schema = tool.schema();
            let mut found = Vec::new();
            objects(&schema, &mut found);
            assert_eq!(schema["type"], "object", "{}", tool.name());
            for object in found {
                assert_eq!(object["additionalProperties"], false, "{}: {object}", tool.name());
            }
            assert!(!schema.to_string().contains("$ref"), "{}: {schema}", tool.name());
            assert!(tool.description().len() > 80, "{}", tool.name());
        }
    }

    #[test]
    fn no_tool_takes_a_field_that_it_does_not_know() {
        for tool in super::super::sources() {
            let properties = tool.schema()["properties"].clone();
            assert!(
                properties.as_object().is_none_or(|known| !known.contains_key("command")),
                "{}",
                tool.name()
            );
        }
    }
}

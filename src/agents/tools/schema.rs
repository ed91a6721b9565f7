//! JSON Schemas of arguments, from their types: what is read and what is told cannot differ.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The schema of `T` in one piece, without references and titles, which some models' servers do not understand.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    plain(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.remove("description");
        root.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    schema
}

/// Leaves out what some servers refuse and no model needs: titles, formats of numbers, and that what may be left out may
/// be null as well.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for extra in ["title", "format", "default"] {
                // A property of that name is an object.
                if map.get(extra).is_some_and(|value| !value.is_object()) {
                    map.remove(extra);
                }
            }
            if let Some(Value::Array(kinds)) = map.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [one] = kinds.as_slice() {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice != &json!({"type": "null"}));
                if let [Value::Object(one)] = choices.as_slice() {
                    let one = one.clone();
                    map.remove("anyOf");
                    for (key, value) in one {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
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
            let text = schema.to_string();
            for refused in ["$ref", "$defs", "\"null\"", "\"format\":\"", "\"title\":\""] {
                assert!(!text.contains(refused), "{} has {refused}: {schema}", tool.name());
            }
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

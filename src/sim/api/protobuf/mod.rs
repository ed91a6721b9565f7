//! Reading the Kubernetes protobuf encoding of the few kinds that kubectl creates that way.
//!
//! Answers are always JSON: every client that sends protobuf accepts it.

mod schema;
mod wire;

use serde_json::{Map, Value, json};

use schema::{Field, Form};
use wire::{Datum, Reader};

use crate::sim::base64;
use crate::sim::objects::meta;

/// What every protobuf body starts with.
const MAGIC: &[u8] = b"k8s\0";
/// Messages nested deeper than this are refused.
const DEPTH: u8 = 24;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is no protobuf, or cut short.
    #[error("the protobuf body is malformed")]
    Malformed,
    /// It is a kind that this server reads as JSON only.
    #[error("{api_version} {kind} is read as JSON only")]
    UnknownKind {
        /// The `apiVersion` of the body.
        api_version: String,
        /// The `kind` of the body.
        kind: String,
    },
}

/// Decodes a body with its envelope into the JSON it would have been.
///
/// # Errors
/// [`Unreadable`] for garbage and for kinds without a table.
pub(super) fn decode(body: &[u8]) -> Result<Value, Unreadable> {
    let envelope = body.strip_prefix(MAGIC).ok_or(Unreadable::Malformed)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for (number, datum) in Reader::new(envelope).fields()? {
        match (number, datum) {
            (1, Datum::Bytes(meta)) => {
                let meta = message(schema::TYPE_META, meta, DEPTH)?;
                let text = |key: &str| meta.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                (api_version, kind) = (text("apiVersion"), text("kind"));
            }
            (2, Datum::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let Some(fields) = schema::of(&kind) else { return Err(Unreadable::UnknownKind { api_version, kind }) };
    let mut object = message(fields, raw, DEPTH)?;
    object.insert("apiVersion".to_owned(), api_version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

fn message(fields: &[Field], bytes: &[u8], depth: u8) -> Result<Map<String, Value>, Unreadable> {
    let depth = depth.checked_sub(1).ok_or(Unreadable::Malformed)?;
    let mut object = Map::new();
    for (number, datum) in Reader::new(bytes).fields()? {
        let Some(field) = fields.iter().find(|field| field.number == number) else { continue };
        put(&mut object, field, datum, depth)?;
    }
    Ok(object)
}

fn put(
    object: &mut Map<String, Value>,
    field: &Field,
    datum: Datum<'_>,
    depth: u8,
) -> Result<(), Unreadable> {
    let name = field.name;
    match (&field.form, datum) {
        (Form::Number, Datum::Number(n)) => insert_unless(object, name, json!(signed(n)), n == 0),
        (Form::NumberPointer, Datum::Number(n)) => insert_unless(object, name, json!(signed(n)), false),
        (Form::Flag, Datum::Number(n)) => insert_unless(object, name, json!(n != 0), n == 0),
        (Form::FlagPointer, Datum::Number(n)) => insert_unless(object, name, json!(n != 0), false),
        (Form::Text, Datum::Bytes(bytes)) => {
            insert_unless(object, name, json!(text(bytes)?), bytes.is_empty());
        }
        (Form::Texts, Datum::Bytes(bytes)) => push(object, name, json!(text(bytes)?)),
        (Form::Message(fields), Datum::Bytes(bytes)) => {
            let inner = message(fields, bytes, depth)?;
            let empty = inner.is_empty();
            insert_unless(object, name, Value::Object(inner), empty);
        }
        (Form::Inline(fields), Datum::Bytes(bytes)) => object.extend(message(fields, bytes, depth)?),
        (Form::Messages(fields), Datum::Bytes(bytes)) => {
            push(object, name, Value::Object(message(fields, bytes, depth)?));
        }
        (Form::Map(value), Datum::Bytes(bytes)) => {
            let (key, value) = map_entry(value, bytes, depth)?;
            meta::child_mut(object, name).insert(key, value);
        }
        (Form::Time, Datum::Bytes(bytes)) => {
            if let Some(time) = time(bytes, depth)? {
                object.insert(name.to_owned(), time);
            }
        }
        (Form::IntOrString, Datum::Bytes(bytes)) => {
            object.insert(name.to_owned(), int_or_string(bytes, depth)?);
        }
        _ => return Err(Unreadable::Malformed),
    }
    Ok(())
}

fn insert_unless(object: &mut Map<String, Value>, name: &str, value: Value, absent: bool) {
    if !absent {
        object.insert(name.to_owned(), value);
    }
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) {
    if let Value::Array(list) = object.entry(name.to_owned()).or_insert_with(|| json!([])) {
        list.push(value);
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed)
}

/// Protobuf's varints carry negative numbers in two's complement.
fn signed(number: u64) -> i64 {
    number.cast_signed()
}

fn map_entry(form: &schema::MapValue, bytes: &[u8], depth: u8) -> Result<(String, Value), Unreadable> {
    let (mut key, mut raw) = (String::new(), &[][..]);
    for (number, datum) in Reader::new(bytes).fields()? {
        match (number, datum) {
            (1, Datum::Bytes(bytes)) => key = text(bytes)?.to_owned(),
            (2, Datum::Bytes(bytes)) => raw = bytes,
            _ => return Err(Unreadable::Malformed),
        }
    }
    let value = match form {
        schema::MapValue::Text => json!(text(raw)?),
        schema::MapValue::Base64 => json!(base64::standard(raw)),
        schema::MapValue::Quantity => {
            message(schema::QUANTITY, raw, depth)?.remove("string").unwrap_or_else(|| json!("0"))
        }
    };
    Ok((key, value))
}

fn time(bytes: &[u8], depth: u8) -> Result<Option<Value>, Unreadable> {
    let fields = message(schema::TIME, bytes, depth)?;
    let Some(seconds) = fields.get("seconds").and_then(Value::as_i64) else { return Ok(None) };
    let time = jiff::Timestamp::from_second(seconds).map_err(|_| Unreadable::Malformed)?;
    Ok(Some(json!(meta::seconds(time))))
}

fn int_or_string(bytes: &[u8], depth: u8) -> Result<Value, Unreadable> {
    let mut fields = message(schema::INT_OR_STRING, bytes, depth)?;
    let is_text = fields.get("type").and_then(Value::as_i64) == Some(1);
    let picked = if is_text { fields.remove("strVal") } else { fields.remove("intVal") };
    Ok(picked.unwrap_or_else(|| if is_text { json!("") } else { json!(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG_MAP: &[u8] =
        b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12(\n\x1e\n\nweb-config\x12\x00\x1a\x04demo\
        \"\x00*\x002\x008\x00B\x00\x12\x06\n\x01a\x12\x01b\x1a\x00\"\x00";

    #[test]
    fn a_config_map_reads_as_the_json_it_would_have_been() {
        assert_eq!(
            decode(CONFIG_MAP),
            Ok(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "web-config", "namespace": "demo"}, "data": {"a": "b"},
            }))
        );
    }

    #[test]
    fn an_autoscaler_keeps_its_numbers() {
        let body = b"k8s\x00\n)\n\x0eautoscaling/v1\x12\x17HorizontalPodAutoscaler\x12?\n\x13\n\x03web\x12\x00\x1a\x00\
            \"\x00*\x002\x008\x00B\x00\x12\"\n\x1a\n\nDeployment\x12\x03web\x1a\x07apps/v1\x10\x01\x18\x03 P\
            \x1a\x04\x18\x00 \x00\x1a\x00\"\x00";
        let decoded = decode(body).unwrap();
        assert_eq!(
            decoded["spec"],
            json!({
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "minReplicas": 1, "maxReplicas": 3, "targetCPUUtilizationPercentage": 80,
            })
        );
    }

    #[test]
    fn a_kind_without_a_table_is_named() {
        let body = b"k8s\x00\n\x0e\n\x02v1\x12\x08Mystery!\x12\x00";
        let expected = Unreadable::UnknownKind { api_version: "v1".into(), kind: "Mystery!".into() };
        assert_eq!(decode(body), Err(expected));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        assert_eq!(decode(b""), Err(Unreadable::Malformed));
        assert_eq!(decode(b"{\"kind\":\"Pod\"}"), Err(Unreadable::Malformed));
        for cut in 5..CONFIG_MAP.len() {
            let _ = decode(&CONFIG_MAP[..cut]);
        }
        for at in 4..CONFIG_MAP.len() {
            for byte in [0x00, 0x7f, 0x80, 0xff] {
                let mut body = CONFIG_MAP.to_vec();
                body[at] = byte;
                let _ = decode(&body);
            }
        }
    }
}

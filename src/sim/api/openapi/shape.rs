//! The shape of a type, found by letting it read itself from a source that says yes to everything.
//!
//! The generated Kubernetes types know their fields only in code. A deserializer learns them from what the code asks
//! for, so the schemas that `kubectl explain` shows cannot drift from what the server understands.

use std::collections::BTreeMap;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor, value::Error,
};
use serde::forward_to_deserialize_any;

use crate::sim::kinds;

/// Structs nested deeper than this end as plain objects.
const DEPTH: u8 = 40;
/// A time that every time type understands.
const TIME: &str = "2020-01-01T00:00:00.000000Z";

/// What a value looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::sim::api) enum Shape {
    /// Anything.
    #[default]
    Any,
    Text,
    Number,
    Flag,
    List(Box<Shape>),
    Map(Box<Shape>),
    /// A struct, by its name in [`Structs`].
    Struct(&'static str),
}

/// The fields of every struct met.
pub(in crate::sim::api) type Structs = BTreeMap<&'static str, Vec<(&'static str, Shape)>>;

/// Finds the shape of a type and of everything below it.
pub(in crate::sim::api) fn of<T: DeserializeOwned>(structs: &mut Structs) -> Shape {
    let mut shape = Shape::Any;
    let asked = Asked { structs, shape: &mut shape, text: "", depth: DEPTH };
    // A type that wants more than yes is described as far as it came.
    let _ = T::deserialize(asked);
    shape
}

/// One value that somebody wants to read.
struct Asked<'a> {
    structs: &'a mut Structs,
    shape: &'a mut Shape,
    text: &'a str,
    depth: u8,
}

impl Asked<'_> {
    fn below<'b>(&'b mut self, shape: &'b mut Shape, text: &'b str) -> Asked<'b> {
        Asked { structs: self.structs, shape, text, depth: self.depth.saturating_sub(1) }
    }
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A number or text; free-form values take a number as well.
        visitor.visit_i64(0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.shape = Shape::Flag;
        visitor.visit_bool(false)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.shape = Shape::Number;
        visitor.visit_i32(0)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.shape = Shape::Number;
        visitor.visit_i64(0)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.shape = Shape::Number;
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.shape = Shape::Text;
        visitor.visit_str(self.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if matches!(name, "Time" | "MicroTime") {
            self.text = TIME;
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut item = Shape::Any;
        let read = visitor.visit_seq(Once(Some(self.below(&mut item, ""))));
        *self.shape = Shape::List(Box::new(item));
        read
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut value = Shape::Any;
        let read = visitor.visit_map(Once(Some(self.below(&mut value, ""))));
        *self.shape = Shape::Map(Box::new(value));
        read
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.shape = Shape::Struct(name);
        if self.depth == 0 {
            return visitor.visit_map(Fields { asked: self, name, left: [].iter() });
        }
        self.structs.insert(name, fields.iter().map(|field| (*field, Shape::Any)).collect());
        visitor.visit_map(Fields { asked: self, name, left: fields.iter() })
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
        ignored_any
    }
}

/// A list or map of one entry.
struct Once<'a>(Option<Asked<'a>>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.take().map(|asked| seed.deserialize(asked)).transpose()
    }
}

impl<'de> MapAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.0.is_none() {
            return Ok(None);
        }
        seed.deserialize(serde::de::value::StrDeserializer::new("key")).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let asked = self.0.take().ok_or_else(|| serde::de::Error::custom("no value without a key"))?;
        seed.deserialize(asked)
    }
}

/// The fields of a struct, one after another.
struct Fields<'a> {
    asked: Asked<'a>,
    name: &'static str,
    left: std::slice::Iter<'static, &'static str>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        match self.left.as_slice().first() {
            Some(field) => seed.deserialize(serde::de::value::StrDeserializer::new(field)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let field = self.left.next().copied().unwrap_or_default();
        // Resources insist on saying what they are.
        let text = match (field, kinds::by_kind(self.name)) {
            ("apiVersion", Some(kind)) => kind.api_version(),
            ("kind", Some(kind)) => kind.kind.to_owned(),
            _ => String::new(),
        };
        let mut shape = Shape::Any;
        let read = seed.deserialize(self.asked.below(&mut shape, &text));
        if let Some(slot) = self
            .asked
            .structs
            .get_mut(self.name)
            .and_then(|all| all.iter_mut().find(|(name, _)| *name == field))
        {
            slot.1 = shape;
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::Deployment;

    #[test]
    fn a_deployment_tells_its_fields_down_to_the_probes() {
        let mut structs = Structs::new();
        assert_eq!(of::<Deployment>(&mut structs), Shape::Struct("Deployment"));
        let field = |of: &str, name: &str| {
            structs[of].iter().find(|(field, _)| *field == name).map(|(_, shape)| shape.clone()).unwrap()
        };
        assert_eq!(field("DeploymentSpec", "replicas"), Shape::Number);
        assert_eq!(field("DeploymentSpec", "paused"), Shape::Flag);
        assert_eq!(field("PodSpec", "containers"), Shape::List(Box::new(Shape::Struct("Container"))));
        assert_eq!(field("PodSpec", "nodeSelector"), Shape::Map(Box::new(Shape::Text)));
        assert_eq!(field("Probe", "periodSeconds"), Shape::Number);
        assert_eq!(field("ResourceRequirements", "limits"), Shape::Map(Box::new(Shape::Text)));
    }
}

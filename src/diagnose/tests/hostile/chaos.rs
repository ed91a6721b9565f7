//! Chance, from a seed: values, objects and mutations that no API server would give.

use serde_json::{Map, Number, Value, json};

use super::words::{KEYS, KINDS, NUMBERS, WORDS};

/// Choices that follow from a seed.
pub(super) struct Chaos {
    state: u64,
}

impl Chaos {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A number from 0 on. An LCG (Knuth's MMIX constants) is random enough to choose what to break.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).unwrap() % end.max(1)
    }

    fn word(&mut self) -> String {
        if self.below(40) == 0 {
            return "long ".repeat(2000);
        }
        WORDS[self.below(WORDS.len())].to_owned()
    }

    fn key(&mut self) -> String {
        if self.below(12) == 0 { self.word() } else { KEYS[self.below(KEYS.len())].to_owned() }
    }

    fn leaf(&mut self) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(NUMBERS[self.below(NUMBERS.len())]),
            3 => Number::from_f64([0.5, -1e308, 1e-300][self.below(3)]).into(),
            4 => json!(u64::MAX),
            _ => json!(self.word()),
        }
    }

    /// Any JSON.
    fn json(&mut self, depth: usize) -> Value {
        match if depth == 0 { 9 } else { self.below(10) } {
            0..=3 => {
                let fields = self.below(6);
                Value::Object((0..fields).map(|_| (self.key(), self.json(depth - 1))).collect())
            }
            4..=6 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => self.leaf(),
        }
    }

    /// An object of some kind with anything in it.
    pub(super) fn object(&mut self) -> Value {
        let (version, kind) = KINDS[self.below(KINDS.len())];
        let mut object = Map::new();
        object.insert("apiVersion".to_owned(), json!(version));
        object.insert("kind".to_owned(), json!(kind));
        let name = json!({"namespace": self.word(), "name": self.word(), "creationTimestamp": self.word()});
        let metadata = if self.below(8) == 0 { self.json(3) } else { name };
        object.insert("metadata".to_owned(), metadata);
        for part in ["spec", "status"] {
            let value = self.json(6);
            object.insert(part.to_owned(), value);
        }
        if self.below(3) == 0 {
            object.insert(self.key(), self.json(4));
        }
        Value::Object(object)
    }

    /// Breaks one thing: a field somewhere, or a whole object and what it is to another.
    pub(super) fn mutate(&mut self, documents: &mut [(&'static str, Value)]) {
        let document = self.below(documents.len());
        let (name, value) = &mut documents[document];
        if *name == "objects.json" && self.below(3) == 0 {
            return self.mutate_objects(value["items"].as_array_mut().unwrap());
        }
        let target = self.node(value);
        self.spoil(target);
        if *name == "objects.json" && !value["items"].is_array() {
            *value = json!({"items": []});
        }
    }

    fn mutate_objects(&mut self, items: &mut Vec<Value>) {
        if items.is_empty() {
            return;
        }
        let (one, other) = (self.below(items.len()), self.below(items.len()));
        match self.below(6) {
            0 => drop(items.remove(one)),
            1 => items.push(items[one].clone()),
            2 => items[one] = self.object(),
            3 => {
                let name = self.word();
                set(&mut items[one], "metadata", json!({"namespace": "shop", "name": name}));
            }
            // Each owns the other; where they are the same, itself.
            4 => {
                let (first, second) = (owner(&items[one]), owner(&items[other]));
                own(&mut items[one], second);
                own(&mut items[other], first);
            }
            _ => {
                let kind = items[other]["kind"].clone();
                set(&mut items[one], "kind", kind);
            }
        }
    }

    /// Some place within the value.
    fn node<'v>(&mut self, value: &'v mut Value) -> &'v mut Value {
        if self.below(6) == 0 {
            return value;
        }
        let inside = match &*value {
            Value::Object(fields) => fields.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if inside == 0 {
            return value;
        }
        let at = self.below(inside);
        match value {
            Value::Object(fields) => self.node(fields.values_mut().nth(at).unwrap()),
            Value::Array(items) => self.node(&mut items[at]),
            other => other,
        }
    }

    fn spoil(&mut self, value: &mut Value) {
        let inside = match &*value {
            Value::Object(fields) => fields.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        let at = self.below(inside);
        match (value, self.below(4)) {
            (Value::Object(fields), 0) if inside > 0 => {
                let key = fields.keys().nth(at).unwrap().clone();
                fields.remove(&key);
            }
            (Value::Object(fields), 1) => {
                let key = self.key();
                fields.insert(key, self.json(3));
            }
            (Value::Array(items), 0) if inside > 0 => drop(items.remove(at)),
            (Value::Array(items), 1) if inside > 0 => items.push(items[at].clone()),
            (value, 2) => *value = self.json(4),
            (value, _) => *value = self.leaf(),
        }
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn owner(object: &Value) -> Value {
    let name = object.pointer("/metadata/name").cloned().unwrap_or_default();
    json!([{"apiVersion": "apps/v1", "kind": object.get("kind"), "name": name, "uid": "u", "controller": true}])
}

fn own(object: &mut Value, owners: Value) {
    if let Some(metadata) = object.get_mut("metadata") {
        set(metadata, "ownerReferences", owners);
    }
}

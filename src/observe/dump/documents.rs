//! Cutting text into objects: one object, a List, several documents; JSON or YAML. What stands before a defect is kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::yaml;

/// One object as it stands in a file.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// As its JSON text.
    Json(&'a str),
    /// As a value.
    Value(Value),
}

/// One object with what it says it is.
#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: String,
    pub(super) api_version: String,
    pub(super) body: Body<'a>,
}

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Documents<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// The kinds of the lists in it: `List`, `PodList`.
    pub(super) lists: Vec<String>,
    /// Why it could not be read to its end.
    pub(super) broken: Option<String>,
}

/// Cuts a text into objects.
pub(super) fn documents(text: &str) -> Documents<'_> {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = Documents::default();
    match text.trim_start().chars().next() {
        Some('{' | '[') => json(text, &mut found),
        Some(_) => yaml::documents(text, &mut found),
        None => found.broken = Some("it is empty".to_owned()),
    }
    found
}

fn json<'a>(text: &'a str, found: &mut Documents<'a>) {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    loop {
        let began = stream.byte_offset();
        match stream.next() {
            None => return,
            Some(Ok(document)) => found.document(document.get()),
            Some(Err(error)) => {
                found.document(text.get(began..).unwrap_or_default());
                found.broken = Some(shown(&error));
                return;
            }
        }
    }
}

/// The parser's words, which quote nothing of the text.
fn shown(error: &serde_json::Error) -> String {
    if error.is_eof() {
        format!("it ends too early, at line {}", error.line())
    } else {
        format!("it is no JSON from line {}, column {} on", error.line(), error.column())
    }
}

impl<'a> Documents<'a> {
    fn document(&mut self, text: &'a str) {
        let mut top = Top::default();
        let result = Seed(&mut top).deserialize(&mut serde_json::Deserializer::from_str(text));
        let Some(items) = top.items else {
            if result.is_ok() {
                let (kind, api_version) = (top.kind.unwrap_or_default(), top.api_version.unwrap_or_default());
                self.items.push(Item { kind, api_version, body: Body::Json(text) });
            }
            return;
        };
        let list = Head { kind: top.kind, api_version: top.api_version };
        self.items.extend(items.into_iter().map(|raw| list.item(raw.get())));
        self.lists.extend(list.kind);
    }

    /// Takes in a document that is a value already.
    pub(super) fn value(&mut self, document: Value) {
        match document {
            Value::Array(items) => self.values(&Head::default(), items),
            Value::Object(mut object) if object.contains_key("items") => {
                let items = object.remove("items").unwrap_or_default();
                let head = Head::of(&Value::Object(object));
                if let Value::Array(items) = items {
                    self.values(&head, items);
                }
                self.lists.extend(head.kind);
            }
            document @ Value::Object(_) => self.values(&Head::default(), vec![document]),
            // A word or a number: no object.
            _ => {}
        }
    }

    fn values(&mut self, list: &Head, items: Vec<Value>) {
        for item in items {
            let head = list.or(Head::of(&item));
            self.items.push(head.with(Body::Value(item)));
        }
    }
}

/// What an object or list says it is.
#[derive(Default)]
struct Head {
    kind: Option<String>,
    api_version: Option<String>,
}

impl Head {
    fn of(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Self { kind: text("kind"), api_version: text("apiVersion") }
    }

    /// What an item of this list is: what it says itself, or what the list is a list of.
    fn or(&self, own: Self) -> Self {
        let listed = || self.kind.as_deref()?.strip_suffix("List").filter(|kind| !kind.is_empty());
        let kind = own.kind.or_else(|| listed().map(str::to_owned));
        Self { kind, api_version: own.api_version.or_else(|| self.api_version.clone()) }
    }

    fn with(self, body: Body<'_>) -> Item<'_> {
        Item { kind: self.kind.unwrap_or_default(), api_version: self.api_version.unwrap_or_default(), body }
    }

    fn item<'a>(&self, text: &'a str) -> Item<'a> {
        let mut top = Top::default();
        // An object that cannot be read to its end is found out when it is taken in.
        let _broken = Seed(&mut top).deserialize(&mut serde_json::Deserializer::from_str(text));
        self.or(Self { kind: top.kind, api_version: top.api_version }).with(Body::Json(text))
    }
}

/// The first level of a document.
#[derive(Default)]
struct Top<'a> {
    kind: Option<String>,
    api_version: Option<String>,
    items: Option<Vec<&'a RawValue>>,
}

/// Fills a [`Top`], which keeps what was read when the rest fails.
struct Seed<'s, 'a>(&'s mut Top<'a>);

impl<'a> DeserializeSeed<'a> for Seed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Seed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => self.0.kind = word(map.next_value()?),
                "apiVersion" => self.0.api_version = word(map.next_value()?),
                "items" => map.next_value_seed(Items(self.0.items.get_or_insert_default()))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<(), A::Error> {
        Items(self.0.items.get_or_insert_default()).visit_seq(seq)
    }
}

/// A JSON string's text; `None` for anything else.
fn word(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

struct Items<'s, 'a>(&'s mut Vec<&'a RawValue>);

impl<'a> DeserializeSeed<'a> for Items<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Items<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }

    /// Go servers write an empty list as `null`.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::documents;

    fn kinds(text: &str) -> (Vec<String>, Vec<String>, bool) {
        let found = documents(text);
        (found.items.into_iter().map(|item| item.kind).collect(), found.lists, found.broken.is_some())
    }

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn objects_lists_and_several_documents_are_cut_apart() {
        let cases: [(&str, &[&str], &[&str], bool); 9] = [
            (r#"{"kind":"Pod","apiVersion":"v1"}"#, &["Pod"], &[], false),
            (
                r#"{"items":[{"kind":"Pod"},{"kind":"Node"}],"kind":"List"}"#,
                &["Pod", "Node"],
                &["List"],
                false,
            ),
            (r#"{"kind":"PodList","items":[{"metadata":{}}]}"#, &["Pod"], &["PodList"], false),
            (r#"{"kind":"PodList","items":null}"#, &[], &["PodList"], false),
            (r#"{"kind":"Pod"} {"kind":"Node"}"#, &["Pod", "Node"], &[], false),
            (r#"[{"kind":"Pod"}]"#, &["Pod"], &[], false),
            ("kind: Pod\n---\nkind: Node\n", &["Pod", "Node"], &[], false),
            ("kind: List\nitems:\n- kind: Pod\n- kind: Node\n", &["Pod", "Node"], &["List"], false),
            ("", &[], &[], true),
        ];
        for (text, items, lists, broken) in cases {
            assert_eq!(kinds(text), (owned(items), owned(lists), broken), "{text}");
        }
    }

    #[test]
    fn what_stands_before_a_defect_is_kept() {
        let cut = r#"{"kind":"PodList","items":[{"kind":"Pod"},{"kind":"Pod"},{"kind":"Po"#;
        assert_eq!(kinds(cut), (owned(&["Pod", "Pod"]), owned(&["PodList"]), true));
        let after = r#"{"kind":"Pod"} garbage"#;
        assert_eq!(kinds(after), (owned(&["Pod"]), vec![], true));
        let yaml = "kind: List\nitems:\n- kind: Pod\n- kind: Node\n- kind: [\n";
        assert_eq!(kinds(yaml), (owned(&["Pod", "Node"]), owned(&["List"]), true));
    }
}

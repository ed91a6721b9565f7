//! What one check of an analyzer saw.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::codes::Code;
use super::named;
use crate::incident::ObjectRef;

/// One abnormal thing: an object, a code, a sentence, and the fields that show it. Text may come from the cluster and is
/// cleaned only when the finding becomes Evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// The object that it is about.
    pub object: ObjectRef,
    /// One sentence for people.
    pub statement: String,
    /// When it began, where that is known.
    pub at: Option<Timestamp>,
    /// Signal strength, 0 to 1; the code's own unless the check knows better.
    pub strength: f64,
    /// A path or name to its value.
    pub fields: BTreeMap<String, String>,
}

impl Finding {
    /// A finding with the strength of its code.
    pub fn new(code: Code, object: ObjectRef, statement: impl Into<String>) -> Self {
        Self {
            code,
            object,
            statement: statement.into(),
            at: None,
            strength: code.strength,
            fields: BTreeMap::new(),
        }
    }

    /// Says when it began.
    #[must_use]
    pub fn at(mut self, at: Option<Timestamp>) -> Self {
        self.at = at;
        self
    }

    /// Replaces the strength.
    #[must_use]
    pub fn strength(mut self, strength: f64) -> Self {
        self.strength = strength;
        self
    }

    /// Adds a field, unless the value is empty.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "numbers, texts and borrowed texts are handed over alike"
    )]
    pub fn field(mut self, name: &str, value: impl ToString) -> Self {
        let value = value.to_string();
        if !value.is_empty() {
            self.fields.insert(name.to_owned(), value);
        }
        self
    }

    /// What a complaint names, where it was resolved to an object.
    #[must_use]
    pub fn dependency(&self) -> Option<ObjectRef> {
        named::dependency(&self.fields)
    }

    /// The workload that it keeps from working, where it names one.
    #[must_use]
    pub fn hindered(&self) -> Option<ObjectRef> {
        named::workload(&self.fields, &self.object)
    }

    /// How many lines of a log say so.
    #[must_use]
    pub fn lines(&self) -> Option<u64> {
        named::lines(&self.fields)
    }

    /// Names the workload that it keeps from working.
    #[must_use]
    pub fn hinders(self, workload: &ObjectRef) -> Self {
        self.field("workload_kind", &workload.kind)
            .field("workload_namespace", &workload.namespace)
            .field("workload", &workload.name)
    }

    /// Adds a field that may be unknown.
    #[must_use]
    pub fn field_if<T: ToString>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }
}

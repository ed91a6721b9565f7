//! A rule's sentence with its slots: `{object} waits for {field.claim}`.

use crate::incident::{Evidence, ObjectRef};

/// Longest statement as it is written, bytes; what is shown is cut to the length of all text of the cluster.
const LONGEST: usize = 1000;

/// What stands where a field is not known.
const UNKNOWN: &str = "(unknown)";

/// Text and slots in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    /// The object at fault.
    Object,
    /// What the Evidence was gathered by.
    Subject,
    /// Namespace of the object at fault.
    Namespace,
    /// Name of the object at fault.
    Name,
    /// What the strongest piece of Evidence says.
    Statement,
    /// A field of the first piece of Evidence that has it.
    Field(String),
}

/// What the slots are filled from.
pub(super) struct Filling<'a> {
    pub(super) object: &'a ObjectRef,
    pub(super) subject: &'a ObjectRef,
    /// Strongest first.
    pub(super) evidence: &'a [&'a Evidence],
}

impl Statement {
    /// Reads a sentence; `{{` and `}}` are braces.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("is empty; say in one sentence what happened".to_owned());
        }
        if text.len() > LONGEST {
            return Err(format!("has {} bytes; a statement has at most {LONGEST}", text.len()));
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = after.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let inside = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
                let (name, after) =
                    inside.ok_or("has a brace without its partner; a brace itself is written twice")?;
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Slot(slot(name)?));
                rest = after;
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The sentence with its slots filled. It may quote the cluster, and is cleaned with everything else that does.
    pub(super) fn filled(&self, filling: &Filling<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Slot(slot) => slot.value(filling),
        };
        self.0.iter().map(part).collect()
    }
}

impl Slot {
    fn value(&self, filling: &Filling<'_>) -> String {
        match self {
            Self::Object => filling.object.to_string(),
            Self::Subject => filling.subject.to_string(),
            Self::Namespace => filling.object.namespace.clone(),
            Self::Name => filling.object.name.clone(),
            Self::Statement => {
                let said = filling.evidence.first().map_or("", |piece| piece.statement.as_str());
                said.trim_end_matches('.').to_owned()
            }
            Self::Field(name) => {
                let known = filling.evidence.iter().find_map(|piece| piece.fields.get(name));
                known.map_or_else(|| UNKNOWN.to_owned(), Clone::clone)
            }
        }
    }
}

fn slot(name: &str) -> Result<Slot, String> {
    match name {
        "object" => Ok(Slot::Object),
        "subject" => Ok(Slot::Subject),
        "namespace" => Ok(Slot::Namespace),
        "name" => Ok(Slot::Name),
        "statement" => Ok(Slot::Statement),
        _ => match name.strip_prefix("field.").filter(|field| !field.is_empty()) {
            Some(field) => Ok(Slot::Field(field.to_owned())),
            None => Err(format!(
                "has the slot {{{name}}}; slots are {{object}}, {{subject}}, {{namespace}}, {{name}}, {{statement}} and \
                 {{field.NAME}}"
            )),
        },
    }
}

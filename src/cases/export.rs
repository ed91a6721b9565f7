//! Keeping an incident as a case: what was seen, and what turned out to be the cause.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::truth::ObjectTruth;
use crate::incident::{Incident, ObjectRef, Outcome};
use crate::observe::{Snapshot, write_dump};

/// What turned out to be the cause of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// Our code of it; empty where nothing was wrong.
    pub code: String,
    /// The objects at fault; none where nothing was wrong.
    pub objects: Vec<ObjectRef>,
    /// What happened.
    pub statement: String,
}

impl Confirmed {
    /// The cause that a verified repair has confirmed, or that nothing was wrong; `None` where nobody knows: people then have
    /// to say it.
    #[must_use]
    pub fn of(incident: &Incident) -> Option<Self> {
        match incident.outcome? {
            Outcome::NothingWrong => Some(Self {
                code: String::new(),
                objects: Vec::new(),
                statement: "Nothing was wrong.".to_owned(),
            }),
            Outcome::Repaired => {
                let plan = incident.plan.as_ref()?;
                let cause = incident.hypotheses.iter().find(|cause| cause.code == plan.hypothesis)?;
                let (code, objects) = (cause.code.clone(), vec![cause.object.clone()]);
                Some(Self { code, objects, statement: cause.statement.clone() })
            }
            Outcome::Recovered | Outcome::ClosedByPerson => None,
        }
    }
}

/// `truth.json` as it is written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    truth: ObjectTruth,
    code: &'a str,
    summary: &'a str,
    incident: &'a str,
}

/// Writes a case folder: `dump/` and `truth.json`. `snapshot` must have been scrubbed. Blocks: it writes files.
///
/// # Errors
/// When the folder cannot be written, or holds a case already.
pub fn write_case(folder: &Path, snapshot: &Snapshot, incident: &str, cause: &Confirmed) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    write_dump(snapshot, &folder.join("dump"))?;
    let category = cause.code.split('.').next().filter(|word| !word.is_empty()).unwrap_or("none");
    let truth = ObjectTruth {
        root_causes: cause.objects.clone(),
        also_accept: Vec::new(),
        symptoms: Vec::new(),
        category: category.to_owned(),
    };
    let written = Written { truth, code: &cause.code, summary: &cause.statement, incident };
    let mut text = serde_json::to_string_pretty(&written)?;
    text.push('\n');
    fs::write(folder.join("truth.json"), text)
}

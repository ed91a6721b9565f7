//! What changed lately.

use super::Composer;
use super::draft::prose;
use super::subject::Named;
use crate::incident::ObjectRef;
use crate::observe::{Change, ChangeKind, FieldChange};

/// Changes that are told.
const MOST: usize = 8;

/// Differences that are told of one change.
const FIELDS: usize = 4;

impl Composer<'_> {
    /// Says what changed about what the question names, else about what the incident is about.
    pub(super) async fn tell_changes(&mut self, named: &Named) -> anyhow::Result<()> {
        let about = || {
            let incident = self.about.as_ref()?;
            let whole = || incident.namespace.as_ref().map(|name| ObjectRef::cluster_wide("Namespace", name));
            incident.subject.clone().or_else(whole)
        };
        let subject = named.subjects.first().cloned().or_else(about);
        let Some(subject) = subject.filter(|subject| self.permits_object(subject)) else {
            if !self.unknown_names(named) {
                self.draft
                    .say("Say of which workload or namespace, for instance: what changed in namespace shop?");
            }
            return Ok(());
        };
        let Some(look) = self.look(&subject).await else { return Ok(()) };
        let changes = look.snapshot.changes.iter().filter(|change| self.permits_object(&change.object));
        let lines: Vec<String> = changes.take(MOST).map(told).collect();
        let name = prose(&subject.to_string());
        if lines.is_empty() {
            self.draft.say(format!(
                "No recent rollout and no recently written ConfigMap or Secret was found around {name}."
            ));
        }
        self.draft.list(&format!("What changed lately around {name}:"), lines);
        self.note_gaps(&look.snapshot.gaps);
        Ok(())
    }
}

fn told(change: &Change) -> String {
    let object = prose(&change.object.to_string());
    let at = change.at.strftime("%F %T UTC");
    let what = match (change.kind, change.revision) {
        (ChangeKind::Rollout, Some(revision)) => {
            format!("{object} was rolled out to revision {revision} at {at}")
        }
        (ChangeKind::Rollout, None) => format!("{object} was rolled out at {at}"),
        (ChangeKind::Configuration, _) => format!("{object} was written at {at}"),
    };
    let fields: Vec<String> = change.fields.iter().take(FIELDS).map(field).collect();
    if fields.is_empty() { what } else { format!("{what}: {}", fields.join("; ")) }
}

fn field(field: &FieldChange) -> String {
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "none".to_owned(), prose);
    format!("{} from {} to {}", prose(&field.path), shown(&field.before), shown(&field.after))
}

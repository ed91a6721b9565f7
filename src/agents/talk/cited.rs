//! What an answer cites: the marks of evidence in its text, with where each can be looked up.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::agents::ledger::{self, Ledger};
use crate::agents::progress::Cited;
use crate::agents::run::Shared;
use crate::incident::{Evidence, EvidenceId, EvidenceSource, Incident};
use crate::recall::document_href;

/// Longest title of a citation, characters.
const LONGEST: usize = 160;

/// Shortest address of a document that is looked for in an answer; shorter ones are words.
const SHORTEST_ADDRESS: usize = 8;

/// `[E7]`, `[E7, E9]`, `[E7][E9]`, as models write them.
static MARKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\[\s*[Ee][0-9]{1,6}(?:\s*[,;]?\s*(?:and\s+)?[Ee][0-9]{1,6})*\s*\]").ok());

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[Ee][0-9]{1,6}").ok());

/// What an answer cites.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Citations {
    /// What was seen, in the order of the text.
    pub(super) cited: Vec<Cited>,
    /// Marks of what nobody has seen.
    pub(super) unseen: Vec<EvidenceId>,
}

impl Citations {
    /// Reads `text`.
    pub(super) fn of(text: &str, shared: &Shared) -> Self {
        let (known, unseen) = sorted(text, &shared.ledger);
        let incident = shared.context.incident.as_deref();
        let people = |text: &str| shared.session.for_people(text);
        Self { cited: known.iter().map(|seen| cited(seen, incident, people)).collect(), unseen }
    }

    /// What people are told about marks that lead nowhere.
    pub(super) fn doubt(&self) -> Option<String> {
        if self.unseen.is_empty() {
            return None;
        }
        let marks: Vec<String> = self.unseen.iter().map(|id| format!("[{id}]")).collect();
        Some(format!("{} is cited above, but nothing was seen under that number.", marks.join(", ")))
    }
}

/// The evidence that a text cites by its mark or by the address of its document, and marks without evidence.
fn sorted(text: &str, ledger: &Ledger) -> (Vec<Evidence>, Vec<EvidenceId>) {
    let (mut known, mut unseen, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
    for id in marks(text).into_iter().filter(|id| taken.insert(*id)) {
        match ledger.get(id) {
            Some(evidence) => known.push(evidence),
            None => unseen.push(id),
        }
    }
    known.extend(ledger.all().into_iter().filter(|seen| !taken.contains(&seen.id) && is_named(seen, text)));
    (known, unseen)
}

fn marks(text: &str) -> Vec<EvidenceId> {
    let (Some(groups), Some(number)) = (&*MARKS, &*NUMBER) else { return Vec::new() };
    let found = groups.find_iter(text).flat_map(|group| number.find_iter(group.as_str()));
    found.filter_map(|mark| ledger::number(mark.as_str())).collect()
}

/// Whether a text names a document by its address.
fn is_named(seen: &Evidence, text: &str) -> bool {
    let named = |field: &str| {
        seen.fields
            .get(field)
            .is_some_and(|name| name.len() >= SHORTEST_ADDRESS && text.contains(name.as_str()))
    };
    seen.source == EvidenceSource::Document && (named("uri") || named("document"))
}

fn cited(seen: &Evidence, incident: Option<&Incident>, people: impl Fn(&str) -> String) -> Cited {
    let object = seen.object.to_string();
    let named = seen.statement.starts_with(&object);
    let said = if named { seen.statement.clone() } else { format!("{object}: {}", seen.statement) };
    let said = people(&said);
    let line = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    };
    Cited { mark: format!("[{}]", seen.id), title, uri: place(seen, incident) }
}

/// Where it can be looked up: a document, a past incident, the incident that keeps it, else the object itself.
fn place(seen: &Evidence, incident: Option<&Incident>) -> String {
    let field = |name: &str| seen.fields.get(name).map(String::as_str);
    if seen.source == EvidenceSource::Document {
        if let Some(uri) =
            field("uri").filter(|uri| uri.starts_with("https://") || uri.starts_with("http://"))
        {
            return uri.to_owned();
        }
        if let Some((source, path)) = field("document").and_then(|document| document.split_once('/')) {
            return document_href(source, path);
        }
    }
    if let (EvidenceSource::PastIncident, Some(past)) = (seen.source, field("incident")) {
        return format!("/api/v1/incidents/{past}");
    }
    match incident.filter(|incident| incident.evidence.iter().any(|kept| kept.id == seen.id)) {
        Some(incident) => format!("/api/v1/incidents/{}", incident.id),
        None => format!("kubernetes:{}/{}/{}", seen.object.kind, seen.object.namespace, seen.object.name),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{cited, marks, sorted};
    use crate::agents::ledger::Ledger;
    use crate::incident::{Evidence, EvidenceId, EvidenceSource, ObjectRef, Score};

    fn seen(id: u32, source: EvidenceSource, fields: &[(&str, &str)]) -> Evidence {
        Evidence {
            id: EvidenceId(id),
            source,
            code: "x".to_owned(),
            object: ObjectRef::new("Pod", "shop", "checkout-1"),
            statement: "It\nends.".to_owned(),
            strength: Score::new(0.5),
            at: Timestamp::UNIX_EPOCH,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn marks_are_read_as_models_write_them() {
        let ids = |text: &str| marks(text).into_iter().map(|id| id.0).collect::<Vec<_>>();
        assert_eq!(ids("It ends [E7], as [e9, E12] and [E1][E2] show."), [7, 9, 12, 1, 2]);
        assert_eq!(ids("[E1; E2] [E3 and E4]"), [1, 2, 3, 4]);
        assert_eq!(ids("E7, [7], [E], [error E7], [E12345678]"), Vec::<u32>::new());
    }

    #[test]
    fn what_was_seen_is_told_from_what_was_not_and_each_comes_once() {
        let document = [("uri", "builtin/crash-loop.md"), ("document", "builtin/crash-loop.md")];
        let ledger = Ledger::of(&[
            seen(1, EvidenceSource::Log, &[]),
            seen(2, EvidenceSource::Document, &document),
            seen(3, EvidenceSource::Log, &[]),
        ]);
        let (known, unseen) = sorted("[E1] [E99] [E1], see builtin/crash-loop.md.", &ledger);
        let ids: Vec<u32> = known.iter().map(|seen| seen.id.0).collect();
        assert_eq!((ids, unseen), (vec![1, 2], vec![EvidenceId(99)]));
    }

    #[test]
    fn each_kind_of_evidence_leads_to_where_it_is() {
        let uri = |seen: &Evidence| cited(seen, None, str::to_owned).uri;
        assert_eq!(uri(&seen(1, EvidenceSource::Log, &[])), "kubernetes:Pod/shop/checkout-1");
        let own = seen(2, EvidenceSource::Document, &[("uri", "x"), ("document", "builtin/a b.md")]);
        assert_eq!(uri(&own), "/api/v1/knowledge/documents/builtin/a%20b.md");
        let web = seen(3, EvidenceSource::Document, &[("uri", "https://k8s.example/a"), ("document", "d/a")]);
        assert_eq!(uri(&web), "https://k8s.example/a");
        let past = seen(4, EvidenceSource::PastIncident, &[("incident", "inc-a")]);
        assert_eq!(uri(&past), "/api/v1/incidents/inc-a");
        let title = cited(&past, None, str::to_owned).title;
        assert_eq!(title, "Pod shop/checkout-1: It ends.");
        let named = Evidence { statement: "Pod shop/checkout-1 ends".to_owned(), ..past };
        assert_eq!(cited(&named, None, str::to_owned).title, "Pod shop/checkout-1 ends");
    }
}

//! Incidents: which there are, how one stands, and which past ones are like it.

use serde_json::json;

use super::draft::prose;
use super::{Composer, PATIENCE};
use crate::agents::progress::RunEvent;
use crate::incident::{Incident, ObjectRef, Story};
use crate::recall::{BUILT_IN, Filter, document_href};
use crate::store::{FindError, IncidentFilter, IncidentSummary, MAX_PAGE};

/// Incidents that are told in one answer.
const MOST: usize = 10;

/// Closed incidents that are told where none is open.
const CLOSED: usize = 3;

/// Lines of each part of an incident's story.
const LINES: usize = 6;

/// Past incidents that are told.
const PAST: usize = 3;

impl Composer<'_> {
    /// Open incidents, else the last closed ones; of `namespaces` only, where there are any.
    pub(super) async fn list_incidents(&mut self, namespaces: &[ObjectRef]) -> anyhow::Result<()> {
        let within = |incident: &IncidentSummary| {
            let own = incident.namespace.as_deref().unwrap_or_default();
            namespaces.is_empty() || namespaces.iter().any(|namespace| namespace.name == own)
        };
        let mut open = self.incidents(true).await?;
        open.retain(within);
        if open.is_empty() {
            self.draft.say("There is no open incident.");
            let mut closed = self.incidents(false).await?;
            closed.retain(within);
            let lines: Vec<String> =
                closed.iter().take(CLOSED).map(|incident| self.incident_line(incident)).collect();
            self.draft.list("The last ones that were closed:", lines);
            return Ok(());
        }
        let count = open.len();
        let counted = match count {
            1 => "There is one open incident:".to_owned(),
            count if count > MOST => format!("There are {count} open incidents, the newest of them:"),
            count => format!("There are {count} open incidents:"),
        };
        let lines: Vec<String> =
            open.iter().take(MOST).map(|incident| self.incident_line(incident)).collect();
        self.draft.list(&counted, lines);
        Ok(())
    }

    /// The open incidents where nothing else was found.
    pub(super) async fn list_if_nothing_was_found(&mut self) -> anyhow::Result<()> {
        if self.draft.is_empty() {
            let open = self.incidents(true).await?;
            self.draft.looked_at(format!("{} open incidents", open.len()));
        }
        Ok(())
    }

    /// Incidents that the caller may see.
    async fn incidents(&mut self, open: bool) -> anyhow::Result<Vec<IncidentSummary>> {
        let filter = IncidentFilter {
            open: Some(open),
            cluster: self.turn.cluster.clone(),
            ..IncidentFilter::default()
        };
        let store = &self.sources.store;
        let read =
            async { store.incidents(&filter, None, MAX_PAGE).await.map_err(|error| error.to_string()) };
        let read = self.reading("list_incidents", json!({ "open": open }), read, |page| {
            format!("{} incidents", page.incidents.len())
        });
        let mut incidents = read.await.map_err(anyhow::Error::msg)?.incidents;
        incidents.retain(|incident| self.permits_incident(incident.namespace.as_deref()));
        Ok(incidents)
    }

    /// An incident without a namespace belongs to the cluster: only who may see everything sees it.
    pub(super) fn permits_incident(&self, namespace: Option<&str>) -> bool {
        self.turn.access.namespaces().is_none() || namespace.is_some_and(|namespace| self.permits(namespace))
    }

    /// One incident in one line, cited.
    pub(super) fn incident_line(&mut self, incident: &IncidentSummary) -> String {
        let mark = self.draft.cite(&incident.title, &format!("/api/v1/incidents/{}", incident.id));
        let state =
            incident.outcome.map_or_else(|| incident.phase.to_string(), |outcome| outcome.to_string());
        let cause =
            incident.cause.as_deref().map(|cause| format!(", cause {}", prose(cause))).unwrap_or_default();
        format!(
            "{} ({}, {}{cause}): {} {mark}",
            incident.id,
            state.replace('_', " "),
            incident.severity.as_str(),
            prose(&incident.title)
        )
    }

    /// The story of the incident that is named, else of the one that the conversation is about.
    pub(super) async fn tell_incident(&mut self, named: Option<&str>) -> anyhow::Result<()> {
        let incident = match named {
            Some(id) => match self.sources.store.find(id).await {
                Ok(id) => self.sources.store.incident(&id).await?,
                Err(FindError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    self.draft.say(prose(&error.to_string()));
                    return Ok(());
                }
            },
            None => self.about.clone(),
        };
        let Some(incident) = incident.filter(|incident| self.permits_incident(incident.namespace.as_deref()))
        else {
            self.draft.say("There is no such incident that may be read in this conversation.");
            return Ok(());
        };
        self.tell_story(&incident).await;
        Ok(())
    }

    async fn tell_story(&mut self, incident: &Incident) {
        let read = async { Ok(Story::of(incident)) };
        let summary = |story: &Story| prose(&story.headline);
        let told =
            self.reading("incident_evidence", json!({ "incident": incident.id.as_str() }), read, summary);
        let Ok(story) = told.await else { return };
        let mark = self.draft.cite(&incident.title, &format!("/api/v1/incidents/{}", incident.id));
        self.draft.say(format!("{} {mark}", prose(&story.headline)));
        for seen in incident.evidence.iter().take(LINES) {
            let (object, statement) = (seen.object.clone(), prose(&seen.statement));
            self.say(RunEvent::Evidence { id: Some(seen.id), object, statement }).await;
        }
        for (heading, lines) in story.sections() {
            self.draft.list(&format!("{heading}:"), lines.iter().take(LINES).map(|line| prose(line)));
        }
        self.tell_approval(incident).await;
        let runbooks: Vec<(String, String)> = self
            .sources
            .recall
            .runbooks_of(incident)
            .into_iter()
            .map(|runbook| (runbook.title.clone(), document_href(BUILT_IN, &runbook.path)))
            .collect();
        let lines: Vec<String> = runbooks
            .iter()
            .map(|(title, uri)| format!("{} {}", prose(title), self.draft.cite(title, uri)))
            .collect();
        self.draft.list("Runbooks about it:", lines);
    }

    /// Says that a person is asked, and how to answer.
    async fn tell_approval(&mut self, incident: &Incident) {
        let Some(needed) = RunEvent::approval_needed(incident, prose) else { return };
        self.turn.progress.say(needed, PATIENCE).await;
        self.draft.say(format!(
            "Its repair waits for a person: `kubewright approvals approve {}` shows it and asks.",
            incident.id
        ));
    }

    /// The repair of the incident that the conversation is about.
    pub(super) async fn tell_repair(&mut self) {
        let Some(incident) = self.about.clone() else { return };
        let mark = self.draft.cite(&incident.title, &format!("/api/v1/incidents/{}", incident.id));
        match &incident.plan {
            Some(plan) => {
                let actions = plan.actions.iter().map(|planned| prose(&planned.action.to_string()));
                let heading = format!("The plan for {} {mark}: {}", incident.id, prose(&plan.rationale));
                self.draft.list(&heading, actions);
            }
            None => self.draft.say(format!("There is no plan for {} yet {mark}.", incident.id)),
        }
        self.tell_approval(&incident).await;
    }

    /// Past incidents like the one that the conversation is about.
    pub(super) async fn similar_incidents(&mut self) {
        let Some(incident) = self.about.clone() else {
            self.draft.say("Say which incident, for instance with its identifier: what is like inc-7h2k?");
            return;
        };
        let recall = &self.sources.recall;
        let read = async {
            recall.similar(&incident, PAST, Filter::default()).await.map_err(|error| error.to_string())
        };
        let arguments = json!({ "incident": incident.id.as_str(), "k": PAST });
        let read = self
            .reading("similar_incidents", arguments, read, |past| format!("{} past incidents", past.len()));
        let past = match read.await {
            Ok(past) => past,
            Err(error) => return self.draft.blind([format!("past incidents: {error}")]),
        };
        self.draft.looked_at("past incidents");
        let permitted = past.into_iter().filter(|past| {
            let namespace = past.found.attributes.labels.get("namespace");
            self.permits_incident(namespace.map(String::as_str))
        });
        let permitted: Vec<_> = permitted.collect();
        let lines: Vec<String> = permitted
            .iter()
            .map(|past| {
                let mark =
                    self.draft.cite(&past.found.title, &format!("/api/v1/incidents/{}", past.incident));
                let outcome = past.found.attributes.labels.get("outcome").map_or("closed", String::as_str);
                let text = prose(&past.found.snippet.text);
                format!("{} ({}): {text} {mark}", past.incident, prose(&outcome.replace('_', " ")))
            })
            .collect();
        if lines.is_empty() {
            self.draft.say("No past incident like it is remembered.");
        }
        self.draft.list("Past incidents like it:", lines);
    }
}

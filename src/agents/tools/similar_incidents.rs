//! `similar_incidents`: what it was the last time.

use futures::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::metrics_query::limit;
use super::schema::schema_of;
use super::search_knowledge::{failed, fields, shortened};
use super::{Access, Observation, Tool, ToolContext, ToolError, ToolOutput, arguments};
use crate::incident::{EvidenceSource, ObjectRef, Score};
use crate::recall::{Filter, FilterError, PastIncident};

/// Incidents shown unless the model asks for fewer or more, and at most.
const DEFAULT: usize = 5;
const MOST: usize = 10;

/// Most of one incident that is shown, characters.
const LONGEST: usize = 1200;

/// Signal strength of a past incident: another time, maybe another cause.
const STRENGTH: f64 = 0.2;

/// Finds past incidents.
pub(super) struct SimilarIncidents;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The symptoms in words; the incident of this conversation unless set.
    #[serde(default)]
    symptom: Option<String>,
    /// Only of this workload, by its name.
    #[serde(default)]
    workload: Option<String>,
    /// How many, 1 to 10; 5 unless set.
    #[serde(default)]
    limit: Option<usize>,
}

impl Tool for SimilarIncidents {
    fn name(&self) -> &'static str {
        "similar_incidents"
    }

    fn description(&self) -> &'static str {
        "Finds past incidents with symptoms like those of the present incident, or like the symptoms given in words: what \
         the cause was, what was done and whether it helped. A past incident is a hint, not a proof: check whether the \
         same holds now."
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call<'a>(
        &'a self,
        given: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, Result<ToolOutput, ToolError>> {
        Box::pin(async move { similar(arguments(given)?, context).await })
    }
}

async fn similar(given: Arguments, context: &ToolContext) -> Result<ToolOutput, ToolError> {
    let k = limit(given.limit, DEFAULT, MOST)?;
    let filter = filter(&given, context).map_err(|error| ToolError::Arguments(error.to_string()))?;
    let symptom = given.symptom.as_deref().map(str::trim).filter(|symptom| !symptom.is_empty());
    let found = match (symptom, &context.incident) {
        (Some(symptom), _) => context.recall.alike(symptom, k, filter).await,
        (None, Some(incident)) => context.recall.similar(incident, k, filter).await,
        (None, None) => {
            return Err(ToolError::Arguments("symptom: describe it; this is about no incident".to_owned()));
        }
    };
    let mut found = found.map_err(failed)?;
    // The filter has done it; nothing that may not be seen depends on the index alone.
    found.retain(|past| is_permitted(past, context));
    if found.is_empty() {
        let text = "No past incident is like this one.".to_owned();
        return Ok(ToolOutput { text, ..ToolOutput::default() });
    }
    let told: Vec<String> = found.iter().map(tell).collect();
    let cited: Vec<Observation> = found.iter().map(|past| cited(past, context.now)).collect();
    let more = "set a smaller limit, or read one whole with incident_evidence";
    Ok(ToolOutput::bounded(told.join("\n\n"), more).with(cited))
}

fn filter(given: &Arguments, context: &ToolContext) -> Result<Filter, FilterError> {
    let mut filter = Filter::default();
    if let Some(workload) = &given.workload {
        filter = filter.with("workload", workload)?;
    }
    if let Access::Namespaces(permitted) = &context.access {
        filter = filter.with("cluster", context.observer.name())?;
        // A key without a value would let everything pass: of no namespace there is nothing.
        let none = permitted.is_empty().then_some("");
        for namespace in permitted.iter().map(String::as_str).chain(none) {
            filter = filter.with("namespace", namespace)?;
        }
    }
    Ok(filter)
}

fn is_permitted(past: &PastIncident, context: &ToolContext) -> bool {
    let label = |name: &str| past.found.attributes.labels.get(name).map(String::as_str).unwrap_or_default();
    match &context.access {
        Access::Everything => true,
        Access::Namespaces(permitted) => {
            label("cluster") == context.observer.name() && permitted.contains(label("namespace"))
        }
    }
}

fn tell(past: &PastIncident) -> String {
    let labels = &past.found.attributes.labels;
    let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or("unknown");
    format!(
        "[{}] {} ({}; workload {}, namespace {}, cluster {})\n{}",
        past.incident,
        past.found.title,
        label("outcome").replace('_', " "),
        label("workload"),
        label("namespace"),
        label("cluster"),
        shortened(&past.found.text, LONGEST)
    )
}

fn cited(past: &PastIncident, now: Timestamp) -> Observation {
    let found = &past.found;
    let outcome = found.attributes.labels.get("outcome").cloned().unwrap_or_default();
    let mut fields = fields(found, found.citation.headings.join(" › "));
    fields.insert("incident".to_owned(), past.incident.to_string());
    fields.insert("outcome".to_owned(), outcome.clone());
    let statement = format!("{} ({}): {}", past.incident, outcome.replace('_', " "), found.snippet.text);
    Observation {
        source: EvidenceSource::PastIncident,
        object: ObjectRef::cluster_wide("Incident", past.incident.as_str()),
        statement: shortened(&statement, 300),
        strength: Score::new(STRENGTH),
        at: found.attributes.last_updated.unwrap_or(now),
        fields,
    }
}

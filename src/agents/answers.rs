//! What agents must return: types, and with them the JSON Schemas in `prompts/schemas/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object of the cluster, as an agent names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedObject {
    /// The kind as the API spells it, for instance `Deployment`.
    pub(crate) kind: String,
    /// The namespace; empty for cluster-wide kinds.
    #[serde(default)]
    pub(crate) namespace: String,
    /// The object's name.
    pub(crate) name: String,
}

/// A possible root cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspicion {
    /// Code of the cause from the list, or `agent.other`.
    pub(crate) code: String,
    /// The object at fault.
    pub(crate) object: NamedObject,
    /// What happened, in one or two sentences.
    pub(crate) statement: String,
    /// How sure you are, 0 to 1.
    pub(crate) confidence: f64,
    /// Numbers of the evidence that shows it, for instance `E7`.
    pub(crate) evidence_for: Vec<String>,
    /// Numbers of the evidence that contradicts it.
    #[serde(default)]
    pub(crate) evidence_against: Vec<String>,
}

/// What a specialist found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// The answer to the question in one or two sentences.
    pub(crate) summary: String,
    /// Possible root causes, best first; empty if you found none.
    pub(crate) hypotheses: Vec<Suspicion>,
    /// What you wanted to see and could not.
    #[serde(default)]
    pub(crate) unseen: Vec<String>,
}

/// A question to a specialist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// The specialist: `diagnostic`, `security` or `performance`.
    pub(crate) specialist: String,
    /// What to find out.
    pub(crate) question: String,
}

/// How the orchestrator plans to investigate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dispatch {
    /// Why these, in one sentence.
    pub(crate) reason: String,
    /// Who is asked what; at most one question a specialist.
    pub(crate) assignments: Vec<Assignment>,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Next {
    /// The cause is found.
    Done,
    /// A specific question is open.
    DigDeeper,
    /// The reports are poor and should be done again.
    Reflect,
    /// People must look.
    Escalate,
}

/// What the judge makes of the reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judgement {
    /// Possible root causes, best first.
    pub(crate) hypotheses: Vec<Suspicion>,
    /// What happens next.
    pub(crate) decision: Next,
    /// Why, in one sentence.
    pub(crate) reason: String,
    /// Whom to ask what, for `dig_deeper` and `reflect`.
    #[serde(default)]
    pub(crate) next: Vec<Assignment>,
}

/// What the remediation agent returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remedy {
    /// Whether a plan was proposed by `propose_plan` and accepted.
    pub(crate) proposed: bool,
    /// Why it removes the cause; or, without a plan, what the engineer on call should do, how to see that it worked, and
    /// how to go back.
    pub(crate) recommendation: String,
    /// Numbers of the evidence that it rests on.
    pub(crate) evidence: Vec<String>,
}

/// What the learning agent returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// What the next incident of this kind has in common with this one, without names.
    pub signature: String,
    /// The cause as it turned out.
    pub cause: String,
    /// What helped, as the verification showed; empty if nothing did.
    pub worked: Vec<String>,
    /// What did not help.
    pub failed: Vec<String>,
    /// What to look at first next time.
    pub advice: String,
    /// Numbers of the evidence that it rests on.
    pub evidence: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::{JsonSchema, schema_for};

    use super::{Dispatch, Judgement, Lesson, Remedy, Report};

    /// The files are what the types say. `KUBEWRIGHT_WRITE_SCHEMAS=1` writes them anew.
    fn matches<T: JsonSchema>(name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/schemas").join(name);
        let schema = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
        if std::env::var_os("KUBEWRIGHT_WRITE_SCHEMAS").is_some() {
            std::fs::write(&path, &schema).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), schema, "{name}");
    }

    #[test]
    fn the_schemas_in_the_files_are_those_of_the_types() {
        matches::<Dispatch>("orchestrator.json");
        matches::<Judgement>("judge.json");
        matches::<Report>("report.json");
        matches::<Remedy>("remedy.json");
        matches::<Lesson>("lesson.json");
    }
}

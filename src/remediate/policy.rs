//! Asking policy: Rego, evaluated by regorus. Fails closed: whatever goes wrong is a Deny that says why.

use std::fs::File;
use std::io::Read;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use regorus::Engine;
use regorus::utils::limits::ExecutionTimerConfig;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::policy_input::{ActionInput, HypothesisInput, PolicyInput};
use super::recursion;
use crate::incident::{Action, Decision, ObjectRef, Verdict};
use crate::settings::AutomationSettings;

/// The policy that holds unless the settings name another.
const BUILT_IN: &str = include_str!("../../policies/remediation.rego");
/// The rule that answers.
const RULE: &str = "data.kubewright.remediation.decision";
/// Largest accepted policy file, bytes.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Longest evaluation for one Action; a sensible policy takes some milliseconds.
const LONGEST_EVALUATION: Duration = Duration::from_secs(2);
/// Stack of the thread that evaluates: deeply nested policies need more than a worker thread has.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Why people are asked about a Plan from chat: no policy can be written that lets it pass.
const FROM_CHAT: &str = "it was proposed in chat, so a person has to agree";

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("policy file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large to be a policy.
    #[error("policy file {path} is larger than {LARGEST_FILE} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It does not compile.
    #[error("the policy is not valid Rego: {reason}")]
    Invalid {
        /// The compiler's words.
        reason: String,
    },
    /// It compiles and does not answer a sample question as it must.
    #[error("the policy does not answer {RULE} as described in the built-in policy: {reason}")]
    Unfit {
        /// What was wrong with the answer.
        reason: String,
    },
}

/// A compiled policy with the settings that it judges by.
pub struct Policy {
    engine: Engine,
    settings: AutomationSettings,
    digest: String,
}

/// The contract of a policy's answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    verdict: Verdict,
    reasons: Vec<String>,
}

impl Policy {
    /// Compiles the policy that `settings` name, or the built-in one, and asks it a sample question, so that mistakes show
    /// at start and not in an incident.
    ///
    /// # Errors
    /// [`PolicyError`]
    pub fn load(settings: &AutomationSettings) -> Result<Self, PolicyError> {
        let text = match &settings.policy {
            Some(path) => read(path.clone())?,
            None => BUILT_IN.to_owned(),
        };
        Self::compile(text, settings)
    }

    pub(super) fn compile(text: String, settings: &AutomationSettings) -> Result<Self, PolicyError> {
        let digest = hex::encode(Sha256::digest(&text));
        if let Some(function) = recursion::recursive_function(&text) {
            return Err(PolicyError::Invalid { reason: format!("function {function} calls itself") });
        }
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        if let Some(check_interval) = NonZeroU32::new(64) {
            let limit = LONGEST_EVALUATION;
            engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval });
        }
        engine
            .add_policy("remediation.rego".to_owned(), text)
            .map_err(|error| PolicyError::Invalid { reason: error.to_string() })?;
        let policy = Self { engine, settings: settings.clone(), digest };
        let sample = sample();
        for asked in &sample.actions {
            policy.ask(&sample, asked).map_err(|reason| PolicyError::Unfit { reason })?;
        }
        Ok(policy)
    }

    /// Judges every Action; the strictest verdict holds for the Plan, with the reasons of all. A Plan from chat is never
    /// allowed without a person, whatever the policy says.
    #[must_use]
    pub fn decide(&self, input: &PolicyInput) -> Decision {
        let mut decision =
            Decision { verdict: Verdict::Allow, reasons: Vec::new(), policy: self.digest.clone() };
        for asked in &input.actions {
            let (verdict, reasons) = match self.ask(input, asked) {
                Ok(answer) => (answer.verdict, answer.reasons),
                Err(reason) => {
                    (Verdict::Deny, vec![format!("policy could not be asked, which denies: {reason}")])
                }
            };
            decision.verdict = decision.verdict.max(verdict);
            let about = reasons.into_iter().map(|reason| format!("{}: {reason}", asked.action));
            decision.reasons.extend(about);
        }
        if input.from_chat {
            decision.verdict = decision.verdict.max(Verdict::NeedsApproval);
            decision.reasons.push(FROM_CHAT.to_owned());
        }
        if input.actions.is_empty() {
            decision.verdict = Verdict::Deny;
            decision.reasons.push("the plan has no action".to_owned());
        }
        decision
    }

    fn ask(&self, input: &PolicyInput, asked: &ActionInput) -> Result<Answer, String> {
        let document = input.document(asked, &self.settings);
        let engine = self.engine.clone();
        let evaluation = move || {
            catch_unwind(AssertUnwindSafe(|| evaluate(engine, document)))
                .unwrap_or_else(|_| Err("the policy engine failed".to_owned()))
        };
        let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK_BYTES);
        let running =
            thread.spawn(evaluation).map_err(|error| format!("no thread to evaluate in: {error}"))?;
        let answer: Answer = running.join().map_err(|_| "the policy engine failed".to_owned())??;
        if answer.reasons.is_empty() {
            return Err("it gives no reasons".to_owned());
        }
        Ok(answer)
    }
}

fn evaluate(mut engine: Engine, document: Value) -> Result<Answer, String> {
    engine.set_input(document.into());
    let value = engine.eval_rule(RULE.to_owned()).map_err(|error| error.to_string())?;
    if value == regorus::Value::Undefined {
        return Err("it is undefined for this input".to_owned());
    }
    let json = value.to_json_str().map_err(|error| error.to_string())?;
    serde_json::from_str(&json).map_err(|error| format!("its answer is not {{verdict, reasons}}: {error}"))
}

fn read(path: PathBuf) -> Result<String, PolicyError> {
    let read = |path: &PathBuf| {
        let mut text = String::new();
        File::open(path)?.take(LARGEST_FILE + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = match read(&path) {
        Ok(text) => text,
        Err(source) => return Err(PolicyError::Unreadable { path, source }),
    };
    if text.len() as u64 > LARGEST_FILE {
        return Err(PolicyError::TooLarge { path });
    }
    Ok(text)
}

/// A harmless question, asked once at start.
fn sample() -> PolicyInput {
    let pod = Action::DeletePod { pod: ObjectRef::new("Pod", "sample", "web-1"), uid: "u".to_owned() };
    let workload = Action::RestartWorkload { workload: ObjectRef::new("Deployment", "sample", "web") };
    let asked = |action| ActionInput { action, pods_affected: 1, node_ready: None };
    PolicyInput {
        cluster: "sample".to_owned(),
        environment: "production".to_owned(),
        hypothesis: HypothesisInput {
            code: "deploy.bad_rollout".to_owned(),
            confidence: 0.9,
            proposer: "rule",
        },
        attempt: 1,
        now: jiff::Timestamp::UNIX_EPOCH,
        tainted: false,
        from_chat: false,
        total_pods: 3,
        ready_nodes: Some(3),
        actions: vec![asked(pod), asked(workload)],
    }
}

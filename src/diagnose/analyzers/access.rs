//! Refusals of the Kubernetes API, in logs, events and conditions: which binding or role is at fault.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::log;
use crate::diagnose::access::{Fault, Granted, Question, judge};
use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::{Index, object_ref};
use crate::incident::ObjectRef;
use crate::observe::LogTrend;

/// Most different refusals that are looked into.
const MAX_QUESTIONS: usize = 100;

/// Refused so often, a program does not do without; once at its start it may.
const AGAIN: u64 = 3;

/// Who was refused, and whether it is news.
#[derive(Default)]
struct Refused {
    sources: BTreeSet<ObjectRef>,
    /// How often one pod said so, at most.
    times: u64,
    /// Whether anybody is refused who was not before the trouble, or nobody knows.
    is_new: bool,
}

type Questions = BTreeMap<Question, Refused>;

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut questions = Questions::new();
    from_logs(index, &mut questions);
    from_objects(index, &mut questions);
    questions.iter().flat_map(|(asked, refused)| of_question(index, asked, refused)).collect()
}

fn from_logs(index: &Index<'_>, questions: &mut Questions) {
    for excerpt in index.snapshot.logs.iter().filter(|excerpt| mentions(&excerpt.text)) {
        if log::still_matters(index, excerpt) {
            let source = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
            from_log(index, questions, &source, &excerpt.text);
        }
    }
    for pattern in index.snapshot.log_patterns.iter().filter(|pattern| mentions(&pattern.sample)) {
        let is_new = !matches!(pattern.trend, Some(LogTrend::Steady | LogTrend::Ceased));
        let pods = index.pods_of(&index.workload_of(&pattern.source)).len().max(1);
        let times = pattern.count / u64::try_from(pods).unwrap_or(1);
        add(index, questions, &pattern.source, &pattern.sample, (is_new, times));
    }
}

fn from_log(index: &Index<'_>, questions: &mut Questions, source: &ObjectRef, text: &str) {
    let mut asked: BTreeMap<Question, (&str, u64)> = BTreeMap::new();
    for line in log::lines(text) {
        if let Some(question) = Question::read(line) {
            asked.entry(question).or_insert((line, 0)).1 += 1;
        }
    }
    asked.into_values().for_each(|(line, times)| add(index, questions, source, line, (true, times)));
}

fn from_objects(index: &Index<'_>, questions: &mut Questions) {
    let objects = &index.snapshot.objects;
    for event in objects.events.iter().filter(|event| event.message.as_deref().is_some_and(mentions)) {
        let about = &event.involved_object;
        if let (Some(kind), Some(name)) = (&about.kind, &about.name) {
            let source = ObjectRef::new(kind, about.namespace.as_deref().unwrap_or_default(), name);
            add(index, questions, &source, event.message.as_deref().unwrap_or_default(), (true, AGAIN));
        }
    }
    for autoscaler in &objects.autoscalers {
        let conditions = autoscaler.status.iter().flat_map(|status| status.conditions.iter().flatten());
        for message in conditions.into_iter().filter_map(|condition| condition.message.as_deref()) {
            add(index, questions, &object_ref(autoscaler), message, (true, AGAIN));
        }
    }
    for other in &objects.others {
        let text = |path: &str| other.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let source = ObjectRef::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        let conditions = other.pointer("/status/conditions").and_then(Value::as_array);
        for condition in conditions.into_iter().flatten() {
            let message = condition.get("message").and_then(Value::as_str).unwrap_or_default();
            add(index, questions, &source, message, (true, AGAIN));
        }
    }
}

fn mentions(text: &str) -> bool {
    text.contains("system:serviceaccount:")
}

fn add(
    index: &Index<'_>,
    questions: &mut Questions,
    source: &ObjectRef,
    line: &str,
    (is_new, times): (bool, u64),
) {
    let Some(asked) = Question::read(line) else { return };
    let full = questions.len() >= MAX_QUESTIONS;
    if full && !questions.contains_key(&asked) {
        return;
    }
    let refused = questions.entry(asked).or_default();
    refused.sources.insert(index.workload_of(source));
    refused.is_new |= is_new;
    refused.times = refused.times.max(times);
}

fn of_question(index: &Index<'_>, asked: &Question, refused: &Refused) -> Vec<Finding> {
    let finding = |source: &ObjectRef| of_source(index, asked, source);
    let found = refused.sources.iter().take(3).filter_map(finding);
    // What went on before the trouble as well, or was said in passing, hardly shows its cause.
    let weight = if refused.is_new && refused.times >= AGAIN { 1.0 } else { 0.55 };
    found
        .map(|finding| {
            let strength = finding.strength * weight;
            finding.strength(strength)
        })
        .collect()
}

fn of_source(index: &Index<'_>, asked: &Question, source: &ObjectRef) -> Option<Finding> {
    let wants = format!("{} may not {}", asked.account, asked.wording());
    let finding = match judge(index, asked, source) {
        Err(Granted) => return None,
        Ok(Some(verdict)) => {
            let statement = format!("{wants}, as {source} asks: {}", verdict.why);
            Finding::new(code(verdict.fault), verdict.object, statement)
        }
        Ok(None) => {
            let statement = format!("{wants}, as {source} asks");
            Finding::new(codes::ACCESS_REFUSED, asked.account.clone(), statement)
        }
    };
    Some(
        finding
            .field("account", &asked.account.name)
            .field("account_namespace", &asked.account.namespace)
            .field("verb", &asked.verb)
            .field("resource", &asked.resource)
            .field("api_group", &asked.group)
            .field("scope", asked.namespace.as_deref().unwrap_or("cluster"))
            .hinders(source),
    )
}

const fn code(fault: Fault) -> Code {
    match fault {
        Fault::Unbound => codes::ACCOUNT_UNBOUND,
        Fault::RoleLacks => codes::ROLE_LACKS_RULE,
        Fault::OtherNames => codes::ROLE_OTHER_NAMES,
        Fault::OtherNamespace => codes::BINDING_OTHER_NAMESPACE,
        Fault::OtherAccount => codes::WORKLOAD_OTHER_ACCOUNT,
        Fault::OtherSubject => codes::BINDING_OTHER_SUBJECT,
        Fault::RoleMissing => codes::BINDING_ROLE_MISSING,
    }
}

/// Every code that says what keeps an account from what it asks.
pub(in crate::diagnose) const CODES: [Code; 8] = [
    codes::ACCESS_REFUSED,
    codes::ACCOUNT_UNBOUND,
    codes::ROLE_LACKS_RULE,
    codes::ROLE_OTHER_NAMES,
    codes::BINDING_OTHER_NAMESPACE,
    codes::WORKLOAD_OTHER_ACCOUNT,
    codes::BINDING_OTHER_SUBJECT,
    codes::BINDING_ROLE_MISSING,
];

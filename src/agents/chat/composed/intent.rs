//! What a question asks for, by its words.

use super::wish::{self, Wish};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Intent {
    /// What can be asked.
    Help,
    /// Which incidents there are.
    Incidents,
    /// Whether everything is well, or what is going on.
    Overview,
    /// To change something: what by hand would do it, where that is known.
    Wish(Wish),
    /// What of a kind is not ready: the plural that the API has for it.
    Unready(&'static str),
    /// What something has written; whether the run before the current one is meant.
    Logs {
        /// The run before.
        previous: bool,
    },
    /// How one incident stands: the one named, else the one that the conversation is about.
    Incident(Option<String>),
    /// Which past incidents are like this one.
    Similar,
    /// What an alert means.
    Alert(String),
    /// What changed.
    Changes,
    /// How to put something right.
    Repair,
    /// What is wrong with something; also everything else.
    Health,
}

/// What asks whether all is well.
const OVERVIEW: [&str; 20] = [
    "what is going on",
    "what's going on",
    "what is happening",
    "what's happening",
    "anything wrong",
    "something wrong",
    "anything broken",
    "any problem",
    "any issue",
    "everything ok",
    "everything fine",
    "everything alright",
    "everything all right",
    "everything good",
    "everything well",
    "everything healthy",
    "everything working",
    "all ok",
    "all good",
    "all well",
];

/// What identifiers of incidents begin with.
const PREFIX: &str = "inc-";

impl Intent {
    /// Reads a question; `about`: whether the conversation is about an incident.
    pub(super) fn of(question: &str, about: bool) -> Self {
        let lower = question.to_lowercase();
        let words: Vec<&str> = lower
            .split(|letter: char| !letter.is_alphanumeric() && letter != '-')
            .filter(|word| !word.is_empty())
            .collect();
        let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
        let says = |any: &[&str]| any.iter().any(|phrase| lower.contains(phrase));
        let incident = words.iter().find(|word| word.starts_with(PREFIX) && word.len() > PREFIX.len());
        if let Some(id) = incident {
            return Self::Incident(Some((*id).to_owned()));
        }
        if let Some(alert) = alert(question).filter(|_| has(&["mean", "means", "alert", "explain"])) {
            return Self::Alert(alert);
        }
        if words.is_empty()
            || (words.len() <= 3 && has(&["help", "hi", "hello", "hey"]))
            || says(&["what can you do"])
        {
            return Self::Help;
        }
        if says(&["similar", "seen this before", "happened before", "past incidents", "like this one"]) {
            return Self::Similar;
        }
        if let Some(wish) = wish::wish(&words) {
            return Self::Wish(wish);
        }
        let how = says(&["how do i", "how can i", "how to ", "how should"]);
        if let Some(shown) = Self::to_be_shown(&words, &lower, how) {
            return shown;
        }
        if has(&["changed", "changes", "change", "deployed", "rollout", "rollouts", "rolled"]) {
            return Self::Changes;
        }
        if how || has(&["fix", "repair", "remediate", "resolve"]) {
            return Self::Repair;
        }
        if about && (has(&["incident", "status", "story", "summary", "summarise", "summarize"])) {
            return Self::Incident(None);
        }
        if has(&["incident"]) && has(&["list", "open", "last", "latest", "recent", "status"]) {
            return Self::Incidents;
        }
        Self::Health
    }

    /// What a question wants to see as it is: logs, what is not ready, incidents, whether all is well.
    fn to_be_shown(words: &[&str], lower: &str, how: bool) -> Option<Self> {
        let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
        if has(&["logs"]) && !how || has(&["log"]) && has(&["show", "get", "tail", "read", "print", "see"]) {
            let previous = words.iter().any(|word| *word == "previous" || word.starts_with("crash"));
            return Some(Self::Logs { previous });
        }
        if let Some(kind) = unready(words, lower) {
            return Some(Self::Unready(kind));
        }
        if has(&["incidents"]) || (has(&["alerts"]) && has(&["firing", "open", "active", "list", "any"])) {
            return Some(Self::Incidents);
        }
        OVERVIEW.iter().any(|phrase| lower.contains(phrase)).then_some(Self::Overview)
    }
}

/// The kind of which a question wants those that are not ready: `which pods are not ready`.
fn unready(words: &[&str], lower: &str) -> Option<&'static str> {
    let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
    let kind = if has(&["pods", "containers", "workloads"]) {
        "pods"
    } else if has(&["deployments"]) {
        "deployments"
    } else if has(&["statefulsets"]) {
        "statefulsets"
    } else if has(&["nodes"]) {
        "nodes"
    } else {
        return None;
    };
    let lists = has(&["which", "list", "show", "any", "many"]) || words.first() == Some(&"what");
    let trouble = ["unready", "unhealthy", "failing", "failed", "pending", "broken", "notready"];
    let troubled = has(&trouble)
        || words.iter().any(|word| word.starts_with("crash"))
        || lower.contains("not ready")
        || lower.contains("not running")
        || lower.contains("not healthy");
    (lists && troubled).then_some(kind)
}

/// A word that is written as alerts are: several capitalised words in one, as in `KubePodCrashLooping`.
fn alert(question: &str) -> Option<String> {
    let words = question.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let is_alert = |word: &&str| {
        let humps = word
            .as_bytes()
            .windows(2)
            .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
        word.len() <= 200 && word.starts_with(|first: char| first.is_ascii_uppercase()) && humps.count() > 0
    };
    words.into_iter().find(is_alert).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::Intent;

    #[test]
    fn questions_are_read_by_their_words() {
        let incident = |id: &str| Intent::Incident(Some(id.to_owned()));
        let alert = |name: &str| Intent::Alert(name.to_owned());
        for (question, expected) in [
            ("What is wrong with checkout?", Intent::Health),
            ("why is checkout crashing?", Intent::Health),
            ("Is shop/cart healthy", Intent::Health),
            ("pods are in CrashLoopBackOff, why?", Intent::Health),
            ("list incidents", Intent::Incidents),
            ("What's going on?", Intent::Overview),
            ("is anything wrong right now", Intent::Overview),
            ("Is everything ok in shop?", Intent::Overview),
            ("which pods are not ready?", Intent::Unready("pods")),
            ("list nodes that are NotReady", Intent::Unready("nodes")),
            ("show me the logs of checkout", Intent::Logs { previous: false }),
            ("logs of checkout before it crashed", Intent::Logs { previous: true }),
            ("how do I ship logs?", Intent::Repair),
            ("was checkout restarted?", Intent::Health),
            ("which alerts are firing", Intent::Incidents),
            ("show the last incident", Intent::Incidents),
            ("status of incident inc-7h2kq0m4x9ta", incident("inc-7h2kq0m4x9ta")),
            ("INC-7H2K?", incident("inc-7h2k")),
            ("incident:inc-7h2k why", incident("inc-7h2k")),
            ("How do I fix an ImagePullBackOff?", Intent::Repair),
            ("fix checkout", Intent::Repair),
            ("What does alert KubePodCrashLooping mean?", alert("KubePodCrashLooping")),
            ("explain NodeFilesystemAlmostOutOfSpace", alert("NodeFilesystemAlmostOutOfSpace")),
            ("what changed in namespace shop", Intent::Changes),
            ("was checkout deployed today?", Intent::Changes),
            ("have we seen this before?", Intent::Similar),
            ("hi", Intent::Help),
            ("What can you do?", Intent::Help),
            ("???", Intent::Help),
            ("status", Intent::Health),
        ] {
            assert_eq!(Intent::of(question, false), expected, "{question}");
        }
    }

    #[test]
    fn a_conversation_about_an_incident_is_asked_how_it_stands() {
        assert_eq!(Intent::of("what is the status?", true), Intent::Incident(None));
        assert_eq!(Intent::of("how do I fix it?", true), Intent::Repair);
    }
}

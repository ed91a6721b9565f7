//! The words of a question: which of them may name something, and which only ask.

/// Words of questions that are names only when they are marked as such (`deployment/status`).
pub(super) const ORDINARY: [&str; 60] = [
    "a",
    "about",
    "an",
    "and",
    "any",
    "app",
    "are",
    "be",
    "broken",
    "can",
    "cluster",
    "crashing",
    "default",
    "do",
    "does",
    "down",
    "error",
    "errors",
    "failing",
    "fix",
    "for",
    "going",
    "happened",
    "has",
    "have",
    "healthy",
    "how",
    "i",
    "in",
    "incident",
    "incidents",
    "is",
    "it",
    "list",
    "log",
    "logs",
    "me",
    "my",
    "namespace",
    "node",
    "not",
    "of",
    "on",
    "pod",
    "pods",
    "running",
    "service",
    "show",
    "slow",
    "status",
    "the",
    "there",
    "this",
    "to",
    "up",
    "what",
    "when",
    "why",
    "with",
    "wrong",
];

/// Further words that name nothing by themselves.
const ASKING: &str = "\
    actually again alert alerts all also alright am anything app application apps at back bad been \
    before behind but by cause caused causes change changed changes check checked come could crash \
    crashed crashes cronjob currently daemonset deployed deployment deployments did doing else \
    everything exactly explain fail failed fails fine first fixed from get give good had happen \
    happening happens health help hey hi hello here if issue issues job just keep keeps kubernetes last \
    lately latest let look looking looks many matter mean means more much must namespaces need never new \
    next no nodes now off ok okay one ones open or other our please previous problem problems ready \
    really reason recent recently repair restart restarted restarting restarts right rollout run runs \
    said same say scale see seem seems seen server services should since so some something start started \
    state statefulset still stop stopped story summary tell thanks that then these thing things think \
    those time today too try unhealthy unready us was way we well went were where which who will work \
    working workload workloads works would yes yesterday yet you your";

/// Words that stand for what was spoken of before.
const PRONOUNS: [&str; 6] = ["it", "its", "itself", "they", "them", "their"];

/// Words after which a question names what it is about.
const INTRODUCING: &[&str] = &[
    "about",
    "are",
    "behind",
    "daemonset",
    "deployment",
    "did",
    "does",
    "for",
    "has",
    "in",
    "is",
    "job",
    "namespace",
    "node",
    "of",
    "on",
    "pod",
    "service",
    "statefulset",
    "to",
    "was",
    "with",
];

/// Shortest word that may be a name.
const SHORTEST: usize = 3;

/// The words of a text in small letters, with dashes kept within them.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let parts = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    parts.map(|word| word.trim_matches('-').to_owned()).filter(|word| !word.is_empty()).collect()
}

fn is_noun(word: &str) -> bool {
    word.len() >= SHORTEST
        && !ORDINARY.contains(&word)
        && !ASKING.split(' ').any(|asking| asking == word)
        && !PRONOUNS.contains(&word)
        && !word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a question that are about something of their own.
pub(super) fn nouns(question: &str) -> Vec<String> {
    words(question).into_iter().filter(|word| is_noun(word)).collect()
}

/// Shortest part of a word that says what it is about.
const SHORTEST_PART: usize = 4;

/// The beginnings of the words that a question is about, so that other forms of them are found too; of words such as
/// `ImagePullBackOff` also those of their parts.
pub(super) fn matters(question: &str) -> Vec<String> {
    let mut all = nouns(question);
    for word in question.split(|letter: char| !letter.is_alphanumeric()) {
        let humps = word.char_indices().filter(|(_, letter)| letter.is_uppercase()).map(|(at, _)| at);
        let mut ends: Vec<usize> = humps.chain([0, word.len()]).collect();
        ends.sort_unstable();
        ends.dedup();
        if ends.len() > 2 {
            let parts = ends.windows(2).filter_map(|pair| word.get(*pair.first()?..*pair.last()?));
            all.extend(parts.filter(|part| part.len() >= SHORTEST_PART).map(str::to_lowercase));
        }
    }
    let stem = |word: String| {
        let end = word.floor_char_boundary(word.len().saturating_sub(3).max(SHORTEST_PART).min(word.len()));
        word.get(..end).unwrap_or(&word).to_owned()
    };
    all.into_iter().map(stem).collect()
}

/// Whether a question goes on with what was spoken of before: it says `it`, or is about nothing of its own.
pub(super) fn follows_on(question: &str) -> bool {
    words(question).iter().any(|word| PRONOUNS.contains(&word.as_str())) || nouns(question).is_empty()
}

/// Words that stand where a question names what it asks about: `is WORD up`, `wrong with the WORD`.
pub(super) fn introduced(question: &str) -> Vec<String> {
    let words: Vec<String> =
        words(question).into_iter().filter(|word| word != "the" && word != "my").collect();
    let named = words.windows(2).enumerate().filter_map(|(at, pair)| {
        let [before, word] = pair else { return None };
        let asked_what = before == "is" || before == "are";
        let earlier = at.checked_sub(1).and_then(|at| words.get(at));
        let what = asked_what && earlier.is_some_and(|word| word == "what" || word == "who");
        (INTRODUCING.contains(&before.as_str()) && !what && is_noun(word)).then(|| word.clone())
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_follows_on_with_a_pronoun_or_without_a_noun() {
        for question in
            ["why?", "and how do I fix it?", "show the logs", "what changed?", "is it slow because of DNS"]
        {
            assert!(follows_on(question), "{question}");
        }
        for question in ["how do I reset the zeppelin gateway?", "is cart healthy", "why is DNS slow"] {
            assert!(!follows_on(question), "{question}");
        }
    }

    #[test]
    fn words_are_found_in_their_other_forms_and_in_parts() {
        assert_eq!(matters("why is it throttled"), ["thrott"]);
        assert_eq!(matters("ImagePullBackOff?"), ["imagepullback", "imag", "pull", "back"]);
        assert_eq!(matters("why?"), Vec::<String>::new());
    }

    #[test]
    fn what_a_question_is_about_stands_after_certain_words() {
        assert_eq!(introduced("why is chekout crashing?"), ["chekout"]);
        assert_eq!(introduced("what is wrong with the gateway in staging"), ["gateway", "staging"]);
        assert_eq!(introduced("what is CrashLoopBackOff"), Vec::<String>::new());
        assert_eq!(introduced("\u{0}\u{202e} ${jndi} "), Vec::<String>::new());
    }
}

//! What of the cluster a question names: words matched with the names of live objects.

use std::collections::BTreeSet;

use super::words::ORDINARY;
use crate::incident::ObjectRef;
use crate::observe::Directory;

/// Most objects that one question is taken to be about.
const MOST: usize = 3;

/// Longest question whose words are looked at, bytes; a pasted log is no list of names.
const LONGEST: usize = 4_000;

/// Shortest word that may be the beginning of a name.
const SHORTEST_BEGINNING: usize = 4;

pub(super) const NAMESPACE: &str = "Namespace";

/// What a question names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Objects that exist, the likeliest first.
    pub(super) subjects: Vec<ObjectRef>,
    /// Names that are written as such and fit nothing.
    pub(super) unknown: Vec<String>,
    /// What is called almost like the first of these.
    pub(super) near: Vec<ObjectRef>,
    /// Where the objects come from.
    pub(super) origin: Origin,
}

/// Where the objects come from that a question is taken to be about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Origin {
    /// It names them.
    #[default]
    Question,
    /// It goes on with what was asked before.
    Earlier,
    /// The caller has chosen one namespace.
    Chosen,
}

/// A word as it may name something.
struct Word<'a> {
    name: &'a str,
    /// What stands before it with a slash: a namespace or a kind.
    before: Vec<&'a str>,
    /// Whether the question marks it as a name.
    marked: bool,
}

/// Finds what `question` names among what lives in the cluster.
pub(super) fn named(question: &str, directory: &Directory) -> Named {
    let lower = question.to_lowercase();
    let words = words(&lower, directory);
    let namespaces: BTreeSet<&str> = words
        .iter()
        .flat_map(|word| word.before.iter().chain([&word.name]))
        .copied()
        .filter(|name| is(directory, NAMESPACE, name))
        .collect();
    let mut found = Named::default();
    for word in &words {
        let objects = matching(word, directory, &namespaces);
        if objects.is_empty() && word.marked && !namespaces.contains(word.name) {
            found.unknown.push(word.name.to_owned());
        }
        for object in objects {
            if !found.subjects.contains(object) {
                found.subjects.push(object.clone());
            }
        }
    }
    if found.subjects.is_empty() && found.unknown.is_empty() {
        let whole = namespaces.into_iter().filter(|name| marked_or_rare(name, &words));
        found.subjects.extend(whole.map(|name| ObjectRef::cluster_wide(NAMESPACE, name)));
    }
    found.subjects.truncate(MOST);
    found
}

fn marked_or_rare(name: &str, words: &[Word<'_>]) -> bool {
    !ORDINARY.contains(&name) || words.iter().any(|word| word.name == name && word.marked)
}

fn is(directory: &Directory, kind: &str, name: &str) -> bool {
    directory.objects.iter().any(|object| object.kind == kind && object.name == name)
}

/// The words of a question that could be names.
fn words<'q>(lower: &'q str, directory: &Directory) -> Vec<Word<'q>> {
    let head = lower.char_indices().nth(LONGEST).map_or(lower, |(end, _)| lower.get(..end).unwrap_or(lower));
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-./_".contains(letter);
    let mut words = Vec::new();
    let mut last = "";
    for word in head.split(|letter: char| !is_part(letter)) {
        let word = word.trim_matches(['.', '-', '/', '_']);
        let mut parts: Vec<&str> = word.split('/').filter(|part| !part.is_empty()).collect();
        let Some(name) = parts.pop() else { continue };
        let introduced = is_hint(last, directory) && name.contains('-');
        let marked = introduced || parts.iter().any(|hint| is_hint(hint, directory));
        words.push(Word { name, before: parts, marked });
        last = word;
    }
    words
}

/// The objects that a word may mean: of its exact name, else workloads that begin with it.
fn matching<'d>(
    word: &Word<'_>,
    directory: &'d Directory,
    namespaces: &BTreeSet<&str>,
) -> Vec<&'d ObjectRef> {
    if ORDINARY.contains(&word.name) && !word.marked {
        return Vec::new();
    }
    let fits = |object: &&ObjectRef| {
        object.kind != NAMESPACE
            && word.before.iter().all(|hint| {
                object.namespace == *hint || is_kind(&object.kind, hint) || !is_hint(hint, directory)
            })
    };
    let named = |object: &&ObjectRef| object.name == word.name;
    let mut exact: Vec<&ObjectRef> = directory.objects.iter().filter(named).filter(fits).collect();
    if exact.is_empty() && word.name.len() >= SHORTEST_BEGINNING && !namespaces.contains(word.name) {
        let beginning = format!("{}-", word.name);
        let begins = |object: &&ObjectRef| is_workload(&object.kind) && object.name.starts_with(&beginning);
        exact = directory.objects.iter().filter(begins).filter(fits).collect();
    }
    if exact.iter().any(|object| namespaces.contains(object.namespace.as_str())) {
        exact.retain(|object| namespaces.contains(object.namespace.as_str()));
    }
    // A Service stands for the workload behind it, which often has its name.
    let behind: Vec<&ObjectRef> = exact.iter().copied().filter(|object| is_workload(&object.kind)).collect();
    exact.retain(|object| {
        object.kind != "Service" || !behind.iter().any(|workload| workload.namespace == object.namespace)
    });
    exact
}

pub(super) fn is_workload(kind: &str) -> bool {
    ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"].contains(&kind)
}

/// `deploy`, `deployments`, `po` are kinds too.
fn is_kind(kind: &str, word: &str) -> bool {
    let short = [
        ("Deployment", "deploy"),
        ("StatefulSet", "sts"),
        ("DaemonSet", "ds"),
        ("Pod", "po"),
        ("Service", "svc"),
        ("Node", "no"),
    ];
    let singular = word.strip_suffix('s').unwrap_or(word);
    kind.eq_ignore_ascii_case(word)
        || kind.eq_ignore_ascii_case(singular)
        || short.iter().any(|(long, short)| *long == kind && *short == word)
}

/// Whether what stands before a slash says anything: a namespace that exists, or a kind.
fn is_hint(word: &str, directory: &Directory) -> bool {
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod", "Service", "Node"];
    is(directory, NAMESPACE, word) || kinds.iter().any(|kind| is_kind(kind, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let objects = [
            ("Namespace", "", "shop"),
            ("Namespace", "", "payments"),
            ("Namespace", "", "default"),
            ("Node", "", "node-1"),
            ("Deployment", "shop", "checkout"),
            ("Deployment", "shop", "cart"),
            ("Deployment", "payments", "cart"),
            ("Deployment", "shop", "status"),
            ("StatefulSet", "shop", "orders-db"),
            ("Service", "shop", "checkout"),
            ("Service", "shop", "front"),
            ("Pod", "shop", "checkout-7d9f-x2x4z"),
        ];
        let objects = objects.map(|(kind, namespace, name)| ObjectRef::new(kind, namespace, name));
        Directory { objects: objects.to_vec(), gaps: Vec::new() }
    }

    fn found(question: &str) -> Vec<String> {
        named(question, &directory()).subjects.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_are_matched_with_what_exists() {
        assert_eq!(found("Why is Checkout crashing?"), ["Deployment shop/checkout"]);
        assert_eq!(found("what's wrong with checkout's pods"), ["Deployment shop/checkout"]);
        assert_eq!(found("look at pod checkout-7d9f-x2x4z."), ["Pod shop/checkout-7d9f-x2x4z"]);
        assert_eq!(found("is node-1 ok"), ["Node node-1"]);
        assert_eq!(found("is front up?"), ["Service shop/front"]);
        assert_eq!(found("orders is slow"), ["StatefulSet shop/orders-db"]);
    }

    #[test]
    fn a_namespace_decides_between_equal_names_or_is_meant_itself() {
        assert_eq!(found("cart is down"), ["Deployment shop/cart", "Deployment payments/cart"]);
        assert_eq!(found("cart in payments is down"), ["Deployment payments/cart"]);
        assert_eq!(found("why does payments/cart fail"), ["Deployment payments/cart"]);
        assert_eq!(found("what is wrong in namespace shop"), ["Namespace shop"]);
    }

    #[test]
    fn ordinary_words_are_names_only_when_they_are_marked() {
        assert_eq!(found("what is the status by default"), Vec::<String>::new());
        assert_eq!(found("deployment/status"), ["Deployment shop/status"]);
        assert_eq!(found("deploy/checkout"), ["Deployment shop/checkout"]);
    }

    #[test]
    fn a_name_that_fits_nothing_is_told_and_garbage_is_none() {
        let missing = named("why does shop/chekout crash", &directory());
        assert_eq!((missing.subjects.len(), missing.unknown), (0, vec!["chekout".to_owned()]));
        let garbage = "\u{0}//..--\u{202e} ${jndi:x} ".repeat(2_000);
        assert_eq!(named(&garbage, &directory()).subjects, []);
    }
}

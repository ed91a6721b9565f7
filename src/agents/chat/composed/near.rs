//! Names that are asked about and fit nothing, and what is called almost like them.

use strsim::osa_distance;

use super::subject::{NAMESPACE, is_workload};
use super::words;
use crate::incident::ObjectRef;
use crate::observe::Directory;

/// Names alike that are offered.
const MOST: usize = 3;

/// Shortest word that is taken for a misspelt name wherever it stands.
const SHORTEST: usize = 5;

/// Letters of a name for each of which one may be wrong.
const LETTERS: usize = 4;

/// The name that a question most likely asks about, though nothing is called so. Nothing is guessed where no names could be
/// read.
pub(super) fn guessed(question: &str, directory: &Directory) -> Option<String> {
    if directory.objects.is_empty() {
        return None;
    }
    let misspelt = words::nouns(question)
        .into_iter()
        .find(|word| word.len() >= SHORTEST && !alike(word, directory).is_empty());
    // Where other words are about something as well, it is a matter rather than a name: `why is memory high`.
    let introduced = words::introduced(question);
    let only = introduced == words::nouns(question);
    misspelt.or_else(|| introduced.into_iter().next().filter(|_| only))
}

/// The objects that are called almost so, the likest first; of a Service and its workload the workload.
pub(super) fn alike(name: &str, directory: &Directory) -> Vec<ObjectRef> {
    let allowed = (name.len() / LETTERS).max(1);
    let named = |object: &&ObjectRef| {
        is_workload(&object.kind) || ["Service", "Node", NAMESPACE].contains(&object.kind.as_str())
    };
    let mut near: Vec<(usize, &ObjectRef)> = directory
        .objects
        .iter()
        .filter(named)
        .map(|object| (osa_distance(&object.name, name), object))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_by_key(|(distance, object)| (*distance, !is_workload(&object.kind)));
    let mut found: Vec<ObjectRef> = Vec::new();
    for (_, object) in near {
        let known = |one: &ObjectRef| one.name == object.name && one.namespace == object.namespace;
        if !found.iter().any(known) {
            found.push(object.clone());
        }
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let objects = [
            (NAMESPACE, "", "shop"),
            ("Service", "shop", "checkout"),
            ("Deployment", "shop", "checkout"),
            ("Deployment", "shop", "cart"),
        ];
        let objects = objects.map(|(kind, namespace, name)| ObjectRef::new(kind, namespace, name));
        Directory { objects: objects.to_vec(), gaps: Vec::new() }
    }

    #[test]
    fn a_misspelt_name_is_found_wherever_it_stands() {
        assert_eq!(guessed("chekout crashes, why?", &directory()).as_deref(), Some("chekout"));
        let near = alike("chekout", &directory());
        assert_eq!(near, [ObjectRef::new("Deployment", "shop", "checkout")]);
    }

    #[test]
    fn what_stands_where_a_name_stands_is_taken_for_one() {
        assert_eq!(guessed("is nonexistentservice ok?", &directory()).as_deref(), Some("nonexistentservice"));
        for matter in ["pods end with exit code 137, why", "what can cause throttling?", "why is memory high"]
        {
            assert_eq!(guessed(matter, &directory()), None, "{matter}");
        }
        assert_eq!(guessed("is chekout up", &Directory::default()), None);
    }
}

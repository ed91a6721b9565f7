//! The way from what a rule looks at to another object: `calls > selects`, `mounts:Secret/*-tls`, `dependency`.

use std::collections::BTreeSet;

use super::glob::Globs;
use super::scene::Scene;
use crate::diagnose::graph::{self, EdgeKind};
use crate::incident::{Evidence, ObjectRef};

/// Most steps of a path.
const MOST_STEPS: usize = 4;

/// Most objects that a step leads to; a node may run hundreds of pods, and a rule is about what is near.
const MOST_OBJECTS: usize = 500;

/// The words for an edge, with its direction: along it, or against it.
const EDGES: [(&str, EdgeKind, bool); 16] = [
    ("owns", EdgeKind::Owns, true),
    ("owned-by", EdgeKind::Owns, false),
    ("selects", EdgeKind::Selects, true),
    ("selected-by", EdgeKind::Selects, false),
    ("mounts", EdgeKind::Mounts, true),
    ("mounted-by", EdgeKind::Mounts, false),
    ("reads-config", EdgeKind::ReadsConfig, true),
    ("config-read-by", EdgeKind::ReadsConfig, false),
    ("runs-on", EdgeKind::RunsOn, true),
    ("hosts", EdgeKind::RunsOn, false),
    ("scales", EdgeKind::Scales, true),
    ("scaled-by", EdgeKind::Scales, false),
    ("calls", EdgeKind::Calls, true),
    ("called-by", EdgeKind::Calls, false),
    ("fails-to-call", EdgeKind::FailsToCall, true),
    ("complained-of-by", EdgeKind::FailsToCall, false),
];

/// From where to where. Without steps it stays where it begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    origin: Origin,
    steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Origin {
    /// At the rule's subject.
    #[default]
    Subject,
    /// At the dependency that the Evidence names.
    Dependency,
    /// At the workloads that the Evidence concerns: the one that it names, else its object's.
    Concerned,
}

/// One step to other objects, all of them or those of a kind and a name.
#[derive(Debug, Clone)]
struct Step {
    to: Move,
    kind: Option<String>,
    name: Globs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Along(EdgeKind),
    Against(EdgeKind),
    /// To the workload that made it.
    Workload,
}

impl Path {
    /// Reads a path.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split('>').map(str::trim).peekable();
        let origin = match words.peek() {
            Some(&"subject") => Some(Origin::Subject),
            Some(&"dependency") => Some(Origin::Dependency),
            Some(&"concerned") => Some(Origin::Concerned),
            _ => None,
        };
        if origin.is_some() {
            words.next();
        }
        let steps: Vec<Step> = words.map(step).collect::<Result<_, _>>()?;
        if steps.len() > MOST_STEPS {
            return Err(format!("has {} steps; a path has at most {MOST_STEPS}", steps.len()));
        }
        Ok(Self { origin: origin.unwrap_or_default(), steps })
    }

    /// Whether it leads anywhere but to the subject.
    pub(super) fn is_here(&self) -> bool {
        self.origin == Origin::Subject && self.steps.is_empty()
    }

    /// The objects that it leads to, in order. `evidence` is what the rule has found so far.
    pub(super) fn follow(
        &self,
        scene: &Scene<'_>,
        subject: &ObjectRef,
        evidence: &[&Evidence],
    ) -> BTreeSet<ObjectRef> {
        let mut here: BTreeSet<ObjectRef> = match self.origin {
            Origin::Subject => BTreeSet::from([subject.clone()]),
            Origin::Dependency => evidence.iter().filter_map(|piece| graph::dependency(piece)).collect(),
            Origin::Concerned => evidence.iter().filter_map(|piece| scene.concerned(piece)).collect(),
        };
        for step in &self.steps {
            here = here.iter().flat_map(|object| step.from(scene, object)).take(MOST_OBJECTS).collect();
        }
        here
    }
}

impl Step {
    fn from(&self, scene: &Scene<'_>, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        let graph = scene.facts.graph;
        let ends = scene.ends(object);
        let mut found: BTreeSet<ObjectRef> = match self.to {
            Move::Workload => BTreeSet::from([scene.facts.index.workload_of(object)]),
            Move::Along(kind) => ends.iter().flat_map(|end| graph.targets(end, kind)).collect(),
            Move::Against(kind) => ends.iter().flat_map(|end| graph.sources(end, kind)).collect(),
        };
        found.retain(|found| {
            self.kind.as_ref().is_none_or(|kind| *kind == found.kind) && self.name.fit(&found.name)
        });
        found
    }
}

fn step(word: &str) -> Result<Step, String> {
    let (name, only) = match word.split_once(':') {
        Some((name, only)) => (name.trim(), Some(only.trim())),
        None => (word, None),
    };
    let (kind, only) = match only.map(|only| only.split_once('/').unwrap_or((only, "*"))) {
        Some(("", _) | (_, "")) => {
            return Err(format!(
                "\"{word}\" names no kind, or no name, after the colon; write it like mounts:Secret or mounts:Secret/*-tls"
            ));
        }
        Some((kind, only)) => (Some(kind.to_owned()), Globs::new(&[only.to_owned()])?),
        None => (None, Globs::default()),
    };
    let edge = EDGES.iter().find(|(known, ..)| *known == name);
    let to = match edge {
        Some((_, kind, true)) => Move::Along(*kind),
        Some((_, kind, false)) => Move::Against(*kind),
        None if name == "workload" => Move::Workload,
        None => return Err(unknown(name)),
    };
    Ok(Step { to, kind, name: only })
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = EDGES.iter().map(|(name, ..)| *name).collect();
    format!(
        "\"{name}\" is no step; steps are workload, {}, and a path may begin with subject, dependency or concerned",
        known.join(", ")
    )
}

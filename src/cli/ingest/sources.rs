//! Which sources an ingestion is about: those on the command line, or those of a list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use kubewright_ingest::source::{Location, Manifest, SourceSpec};
use kubewright_ingest::{Attributes, Category};

use super::IngestArgs;
use crate::settings::KnowledgeSettings;

/// Lists of sources that are read without being named.
const MANIFESTS: [&str; 2] = ["ingest/sources.toml", "sources.toml"];

/// How far the runbooks in the program are to be believed; as the list of sources in the repository has it.
const BUILT_IN_TRUST: f32 = 0.9;

pub(super) fn of(args: &IngestArgs, settings: &KnowledgeSettings) -> anyhow::Result<Vec<SourceSpec>> {
    if args.sources.is_empty() {
        return listed(args.manifest.as_ref().or(settings.manifest.as_ref()));
    }
    if args.name.is_some() && args.sources.len() > 1 {
        bail!("--name names one source; give one, or write a list of sources and pass --manifest FILE");
    }
    let read: Vec<_> = args.sources.iter().map(|text| SourceSpec::from_argument(text)).collect();
    let problems: Vec<String> =
        read.iter().filter_map(|read| Some(read.as_ref().err()?.to_string())).collect();
    if !problems.is_empty() {
        bail!("{}\n{}", problems.join("\n"), Location::KINDS);
    }
    let mut names = BTreeSet::new();
    let mut specs = Vec::new();
    for mut spec in read.into_iter().flatten() {
        spec.attributes = attributes(args);
        if spec.location == Location::BuiltIn {
            spec.attributes = spec.attributes.or(&built_in().attributes);
        }
        if let Some(name) = &args.name {
            name.clone_into(&mut spec.name);
        }
        if names.insert(spec.name.clone()) {
            specs.push(spec);
        }
    }
    Ok(specs)
}

fn attributes(args: &IngestArgs) -> Attributes {
    Attributes {
        category: args.category,
        tags: args.tags.clone(),
        k8s_version: args.k8s_version.clone(),
        trust: args.trust,
        ..Attributes::default()
    }
}

/// The sources of a list, or the runbooks in the program where there is none; says which.
fn listed(named: Option<&PathBuf>) -> anyhow::Result<Vec<SourceSpec>> {
    let there = || MANIFESTS.into_iter().map(PathBuf::from).find(|path| path.is_file());
    let Some(file) = named.cloned().or_else(there) else {
        anstream::eprintln!(
            "There is no list of sources ({}): taking the built-in runbooks alone. Name sources to add your own.",
            MANIFESTS.join(", ")
        );
        return Ok(vec![built_in()]);
    };
    let manifest = read(&file)?;
    anstream::eprintln!("Sources of {}", file.display());
    Ok(manifest.sources)
}

fn read(file: &Path) -> anyhow::Result<Manifest> {
    let manifest = Manifest::read(file)
        .with_context(|| format!("the list of sources {} is not right", file.display()))?;
    if manifest.sources.is_empty() {
        bail!("{} lists no source; add a [[source]] with a name and a place", file.display());
    }
    Ok(manifest)
}

fn built_in() -> SourceSpec {
    let mut spec = SourceSpec::new("builtin", Location::BuiltIn);
    spec.attributes.category = Some(Category::Runbook);
    spec.attributes.trust = Some(BUILT_IN_TRUST);
    spec
}

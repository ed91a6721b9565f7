//! `kubewright search`: ask the knowledge base.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::bail;
use clap::Args;
use kubewright_ingest::search::{
    Citation, Filter, Mode, ScoreParts, SearchRequest, SearchResponse, SearchResult, Snippet,
};

use super::base::{BaseArgs, Collection, emptiness};
use super::output::{Format, print, render};
use super::text;
use crate::settings::Environment;
use crate::{agents, recall};

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const MATCH: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Yellow.on_default();

/// Values of one key that are offered for narrowing.
const OFFERED: usize = 4;
/// Reasons for widening a question that are told.
const EXPLAINED: usize = 5;

const EXAMPLES: &str = "\
Examples:
  kubewright search pod restarts with exit code 137
  kubewright search KubePodCrashLooping --filter category=runbook -k 3
  kubewright search 'image pull fails' --filter k8s_version=1.31 --filter tag=registry
  kubewright search --incidents 'checkout out of memory' --filter cluster=prod-eu
  kubewright search CrashLoopBackOff --mode lexical -o json
  kubewright search --reformulate why do my pods keep dying

Filters of one key are alternatives; those of different keys must all hold. The keys are source, path, category,
severity, tag, code, alert and k8s_version, for incidents also cluster, namespace, workload and outcome.
Exit code 1 when there is nothing to search yet.";

/// What to look for.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SearchArgs {
    /// What to look for: words, a sentence, an alert, a log line
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// How many passages
    #[arg(short, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    k: u16,
    /// Only what has this; may be repeated
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// By words (lexical), by meaning (vector), or both (hybrid)
    #[arg(long, default_value = "hybrid", value_parser = mode)]
    mode: Mode,
    /// Most passages of one document
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    per_document: u16,
    /// Search past incidents instead of documents
    #[arg(long)]
    incidents: bool,
    /// Also search by other wordings of the question, made by the language model of agents.toml
    #[arg(long)]
    reformulate: bool,
    /// Which knowledge base.
    #[command(flatten)]
    base: BaseArgs,
}

pub(super) fn mode(text: &str) -> Result<Mode, String> {
    let found = Mode::ALL.into_iter().find(|mode| mode.name() == text);
    found.ok_or_else(|| "modes are lexical, vector, hybrid".to_owned())
}

pub(super) async fn run(
    args: SearchArgs,
    format: Format,
    environment: &Environment,
) -> anyhow::Result<ExitCode> {
    let mut request = SearchRequest {
        mode: args.mode,
        filter: Filter::parse(&args.filter)?,
        k: args.k.into(),
        per_document: args.per_document.into(),
        ..SearchRequest::new(args.query.join(" "))
    };
    if args.reformulate {
        request.reformulations = reworded(&args.base, &request.query, environment).await?;
    }
    let collection = Collection::of(args.incidents);
    let base = match args.base.open(collection, environment).await? {
        Ok(base) => base,
        Err(nothing) => bail!(nothing),
    };
    let response = Box::pin(base.search(&request)).await?;
    if response.results.is_empty()
        && let Some(empty) = emptiness(&base, collection).await?
    {
        bail!(empty);
    }
    print(&render(format, &response, |response| show(response, !request.filter.is_empty()))?)?;
    Ok(ExitCode::SUCCESS)
}

/// Other wordings of the question. Where there are none, a line on standard error says why.
async fn reworded(base: &BaseArgs, question: &str, environment: &Environment) -> anyhow::Result<Vec<String>> {
    let (settings, (_, egress)) = (base.agents(environment)?, base.settings(environment)?);
    let Some(reword) = agents::rewording(&settings, &egress)? else {
        anstream::eprintln!("The question is not reworded: no language model is configured in agents.toml.");
        return Ok(Vec::new());
    };
    let wordings = recall::wordings(&*reword, question).await;
    if wordings.is_empty() {
        anstream::eprintln!(
            "The question is not reworded: the language model gave no other wording in time."
        );
    }
    for wording in &wordings {
        anstream::eprintln!("Also searched for: {}", text::line(wording));
    }
    Ok(wordings)
}

fn show(response: &SearchResponse, filtered: bool) -> String {
    let mut shown = String::new();
    if let Some(why) = &response.degraded {
        shown += &format!("{NOTE}{}{NOTE:#}\n\n", text::line(why));
    }
    if response.results.is_empty() {
        let hint = if filtered { "take a filter away, or ask in other words" } else { "ask in other words" };
        return shown + &format!("Nothing found; {hint}.\n");
    }
    for (index, result) in response.results.iter().enumerate() {
        shown += &passage(index + 1, result);
    }
    shown + &narrowing(&response.facets) + &summary(response)
}

fn passage(number: usize, result: &SearchResult) -> String {
    let headings = text::line(&result.citation.headings.join(" > "));
    let mut shown = format!("{TITLE}{number}. {headings}{TITLE:#}\n");
    shown += &format!("   {}\n", place(&result.citation));
    shown += &format!("   {FAINT}{}{FAINT:#}\n", scores(result.score, &result.parts));
    for line in marked(&result.snippet).lines().filter(|line| !line.trim().is_empty()) {
        shown += &format!("     {line}\n");
    }
    for also in &result.also {
        shown += &format!("   {FAINT}also in {}{FAINT:#}\n", place(also));
    }
    shown + &format!("   {FAINT}passage {}{FAINT:#}\n\n", text::line(&result.id))
}

/// `uri:first-last`, as editors and people read it.
fn place(citation: &Citation) -> String {
    let uri = text::line(&citation.uri);
    let lines = citation.lines;
    match (lines.first, lines.last) {
        (0, _) => uri,
        (first, last) if first == last => format!("{uri}:{first}"),
        (first, last) => format!("{uri}:{first}-{last}"),
    }
}

fn scores(score: f32, parts: &ScoreParts) -> String {
    let part = |name: &str, rank: Option<usize>, value: Option<f32>| {
        let value = value?;
        Some(rank.map_or_else(|| format!("{name} {value:.2}"), |rank| format!("{name} {value:.2} (#{rank})")))
    };
    let parts = [
        Some(format!("score {score:.4}")),
        part("words", parts.lexical_rank, parts.lexical),
        part("meaning", parts.vector_rank, parts.vector),
        part("reranked", None, parts.rerank),
        Some(format!("trust {:.2}", parts.trust)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The snippet with its matches in bold. Every piece of it is cleaned; only our own marks reach the terminal.
fn marked(snippet: &Snippet) -> String {
    let piece = |from: usize, to: usize| text::lines(snippet.text.get(from..to).unwrap_or_default());
    let mut shown = String::new();
    let mut at = 0;
    for (from, to) in &snippet.highlights {
        if *from < at || snippet.text.get(*from..*to).is_none() {
            continue;
        }
        shown += &piece(at, *from);
        shown += &format!("{MATCH}{}{MATCH:#}", piece(*from, *to));
        at = *to;
    }
    shown + &piece(at, snippet.text.len())
}

/// What the answer can be narrowed to, the most frequent first.
fn narrowing(facets: &BTreeMap<String, BTreeMap<String, usize>>) -> String {
    let key = |(key, values): (&String, &BTreeMap<String, usize>)| {
        let mut values: Vec<(&String, &usize)> = values.iter().collect();
        values.sort_by(|(a_name, a), (b_name, b)| b.cmp(a).then_with(|| a_name.cmp(b_name)));
        let more = if values.len() > OFFERED { ", …" } else { "" };
        let offered =
            values.iter().take(OFFERED).map(|(value, count)| format!("{} ({count})", text::line(value)));
        format!("  {}={}{more}\n", text::line(key), offered.collect::<Vec<_>>().join(", "))
    };
    let lines: String = facets.iter().map(key).collect();
    if lines.is_empty() { lines } else { format!("Narrow it with --filter:\n{lines}") }
}

fn summary(response: &SearchResponse) -> String {
    let mut widened = String::new();
    let mut told = BTreeSet::new();
    for expansion in response.expansions.iter().filter(|expansion| told.insert(*expansion)).take(EXPLAINED) {
        widened += &format!("  {}\n", text::line(expansion));
    }
    if !widened.is_empty() {
        widened.insert_str(0, "The question was widened:\n");
    }
    let (count, mode) = (response.results.len(), response.mode.name());
    let count = text::counted(count, "passage");
    format!("{widened}{FAINT}{count}, {mode}, {:.1} ms{FAINT:#}\n", response.took_ms)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;

//! Logs: who the callers complain about, which settings a program cannot use, what its surroundings keep from it, what it says
//! before it ends.
//!
//! Log text is untrusted: it is matched line by line, bounded, and quoted only through `mask`. A complaint by itself is
//! weak Evidence; that its writer or the one it names is in trouble is for rules to see.

mod complaint;
mod config_value;
mod last_words;
mod mount;
mod own;
mod resolve;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::diagnose::codes::{self, Code};
use crate::diagnose::finding::Finding;
use crate::diagnose::index::Index;
use crate::incident::ObjectRef;
use crate::observe::{LogExcerpt, LogPattern, LogTrend};
use complaint::Complaint;
use resolve::About;

/// Most lines read of one excerpt, from its end.
const MAX_LINES: usize = 2_000;

/// Longest line looked at, bytes.
const MAX_LINE: usize = 4_096;

type Complaints = BTreeMap<(ObjectRef, &'static str, Option<ObjectRef>), Seen>;

/// Complaints of one kind by one source about one dependency.
struct Seen {
    code: Code,
    about: About,
    line: String,
    count: u64,
    container: Option<String>,
    /// How many lines the writer has said since, where that is known.
    since: Option<usize>,
    /// What the onset of the trouble changed; of several, what speaks most for the complaint.
    trend: Option<LogTrend>,
    /// When it was seen first, where that is known.
    first: Option<Timestamp>,
}

/// Where and how often a line was read.
struct Place<'a> {
    count: u64,
    container: Option<&'a str>,
    since: Option<usize>,
    trend: Option<LogTrend>,
    first: Option<Timestamp>,
}

pub(super) fn findings(index: &Index<'_>) -> Vec<Finding> {
    let mut complaints = Complaints::new();
    let mut found = Vec::new();
    for excerpt in index.snapshot.logs.iter().filter(|excerpt| still_matters(index, excerpt)) {
        let source = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
        for (since, line) in lines(&excerpt.text).enumerate() {
            let place = Place {
                count: 1,
                container: Some(&excerpt.container),
                since: Some(since),
                trend: None,
                first: None,
            };
            collect(index, &mut complaints, &source, line, place);
        }
        found.extend(own::findings(index, excerpt, &source));
        found.extend(config_value::findings(index, excerpt, &source));
        found.extend(last_words::finding(index, excerpt, &source));
    }
    for pattern in &index.snapshot.log_patterns {
        let line = pattern.sample.get(..MAX_LINE).unwrap_or(&pattern.sample);
        let (count, trend, first) = (pattern.count, pattern.trend, pattern.first_seen);
        let place = Place { count, container: None, since: None, trend, first };
        collect(index, &mut complaints, &pattern.source, line, place);
        found.extend(stack_trace(pattern));
    }
    found.extend(complaints.into_iter().map(|((source, ..), seen)| finding(index, &source, seen)));
    found
}

pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().rev().take(MAX_LINES);
    lines.map(|line| {
        if line.len() <= MAX_LINE {
            line
        } else {
            line.get(..line.floor_char_boundary(MAX_LINE)).unwrap_or("")
        }
    })
}

/// The log of the run before tells something only while that run's end still matters: not of a pod that recovered, and not
/// of one that has done its work.
pub(super) fn still_matters(index: &Index<'_>, excerpt: &LogExcerpt) -> bool {
    let pod = ObjectRef::new("Pod", excerpt.namespace.as_str(), excerpt.pod.as_str());
    let Some(status) = index.pod(&pod).and_then(|pod| pod.status.as_ref()) else { return !excerpt.previous };
    if status.phase.as_deref() == Some("Succeeded") {
        return false;
    }
    let containers = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let own = containers.into_iter().find(|container| container.name == excerpt.container);
    !excerpt.previous || own.is_some_and(|container| last_words::ended_lately(index, container))
}

fn collect(index: &Index<'_>, complaints: &mut Complaints, source: &ObjectRef, line: &str, place: Place<'_>) {
    let Some(complaint) = Complaint::read(line) else { return };
    let Some(about) = resolve::about(index, source, &complaint) else { return };
    let Complaint { code, line, .. } = complaint;
    let key = (source.clone(), code.name, about.dependency.clone());
    let Place { count, container, since, trend, first } = place;
    let container = container.map(str::to_owned);
    let seen =
        complaints.entry(key).or_insert(Seen { code, about, line, count: 0, container, since, trend, first });
    seen.count += count;
    seen.since = seen.since.into_iter().chain(since).min();
    // The variants are in the order of how much they say.
    seen.trend = seen.trend.into_iter().chain(trend).min();
    seen.first = seen.first.into_iter().chain(first).min();
}

fn finding(index: &Index<'_>, source: &ObjectRef, seen: Seen) -> Finding {
    let Seen {
        code,
        about: About { dependency, host, port, client },
        line,
        count: times,
        container,
        since: after,
        trend,
        first,
    } = seen;
    let about = dependency.as_ref().map(|dependency| format!(" about {dependency}")).unwrap_or_default();
    let since = trend.map(since).unwrap_or_default();
    let statement = format!("{source} complains{about} ({times} lines{since}): {line}");
    let strength = if times >= 3 { code.strength } else { code.strength * 0.8 };
    let finding = Finding::new(code, source.clone(), statement).strength(strength * weight(trend));
    let finding =
        finding.field("lines", times).field_if("container", container).field_if("first_seen", first);
    let finding = finding.field_if("dependency", host).field_if("dependency_port", port);
    let finding = match client {
        Some(client) => finding
            .field("client_kind", &client.kind)
            .field("client_namespace", &client.namespace)
            .field("client", &client.name),
        None => finding,
    };
    let finding = finding.field_if("since_onset", trend.map(word)).field_if("lines_since", after);
    let finding = if source.kind == "Pod" { finding.field("pod", &source.name) } else { finding };
    match dependency {
        Some(dependency) => with_dependency(index, finding, &dependency),
        None => finding,
    }
}

/// How much a complaint counts: one that went on before the trouble, or ended with it, hardly shows its cause.
const fn weight(trend: Option<LogTrend>) -> f64 {
    match trend {
        None | Some(LogTrend::New | LogTrend::MoreOften) => 1.0,
        Some(LogTrend::Steady) => 0.7,
        Some(LogTrend::Ceased) => 0.4,
    }
}

const fn since(trend: LogTrend) -> &'static str {
    match trend {
        LogTrend::New => ", new since the trouble began",
        LogTrend::MoreOften => ", more often since the trouble began",
        LogTrend::Steady => ", as before the trouble",
        LogTrend::Ceased => ", only before the trouble",
    }
}

const fn word(trend: LogTrend) -> &'static str {
    match trend {
        LogTrend::New => "new",
        LogTrend::MoreOften => "more often",
        LogTrend::Steady => "as before",
        LogTrend::Ceased => "ceased",
    }
}

fn with_dependency(index: &Index<'_>, finding: Finding, dependency: &ObjectRef) -> Finding {
    let behind: Vec<_> = index.behind(dependency).iter().map(ToString::to_string).collect();
    finding
        .field("dependency_kind", &dependency.kind)
        .field("dependency_namespace", &dependency.namespace)
        .field("dependency_name", &dependency.name)
        .field("behind", behind.join(", "))
}

fn stack_trace(pattern: &LogPattern) -> Option<Finding> {
    let language = pattern.stack_trace.as_ref()?;
    let code: Code = codes::LOG_STACK_TRACE;
    let quoted = pattern.trace_excerpt.as_deref().unwrap_or(&pattern.sample);
    let statement =
        format!("{} logs a {language} stack trace {} times: {quoted}", pattern.source, pattern.count);
    // Programs log traces of errors that they handle; by itself this is context.
    let strength = 0.4 * weight(pattern.trend);
    let finding =
        Finding::new(code, pattern.source.clone(), statement).strength(strength).at(pattern.first_seen);
    let finding = finding.field_if("since_onset", pattern.trend.map(word));
    Some(finding.field("language", language).field("lines", pattern.count))
}

#[cfg(test)]
mod tests {
    use super::findings;
    use crate::diagnose::index::Index;
    use crate::diagnose::world::{World, ago};
    use crate::incident::ObjectRef;
    use crate::observe::{LogPattern, LogTrend};

    fn pattern(trend: Option<LogTrend>) -> LogPattern {
        LogPattern {
            namespace: "shop".to_owned(),
            source: ObjectRef::new("Deployment", "shop", "front"),
            template: "cannot reach <url>: connection refused".to_owned(),
            sample: "cannot reach http://web/: connection refused".to_owned(),
            count: 10,
            stack_trace: None,
            trace_excerpt: None,
            first_seen: Some(ago(5)),
            last_seen: Some(ago(1)),
            level: None,
            around_onset: None,
            trend,
        }
    }

    /// Strength and statement of the one complaint.
    fn complaint(trend: Option<LogTrend>) -> (f64, String) {
        let mut world = World::new().deployment("front", 1).deployment("web", 1);
        world.snapshot.log_patterns.push(pattern(trend));
        let mut found = findings(&Index::new(&world.snapshot)).into_iter();
        let finding = found.next().filter(|_| found.next().is_none()).unwrap();
        assert_eq!(finding.code.name, "log.dependency.connection_refused");
        assert_eq!(finding.fields.get("dependency_name").map(String::as_str), Some("web"));
        (finding.strength, finding.statement)
    }

    #[test]
    fn a_complaint_that_is_new_since_the_onset_counts_more_than_one_that_was_always_there() {
        let [unknown, new, steady, ceased] =
            [None, Some(LogTrend::New), Some(LogTrend::Steady), Some(LogTrend::Ceased)].map(complaint);
        assert!(
            new.0 >= unknown.0 && unknown.0 > steady.0 && steady.0 > ceased.0,
            "{new:?} {steady:?} {ceased:?}"
        );
        assert!(new.1.contains("10 lines, new since the trouble began"), "{}", new.1);
        assert!(unknown.1.contains("(10 lines)"), "{}", unknown.1);
    }

    #[test]
    fn a_healthy_log_gives_no_finding() {
        let log = "2026-01-05T11:59:00Z INFO listening on :8080\n\
                   2026-01-05T11:59:01Z INFO GET http://web/items 200 in 3ms\n\
                   2026-01-05T11:59:02Z INFO configuration loaded, CACHE_TTL is set\n";
        let world = World::new().deployment("front", 1).deployment("web", 1).log("front-1-0", log);
        assert_eq!(findings(&Index::new(&world.snapshot)), []);
    }
}

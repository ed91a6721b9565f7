//! A dump in the making: files come in one after the other; `assembling` makes a Snapshot of them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::gaps::Gaps;
use super::super::logs::printable;
use super::super::{LogExcerpt, Recorded};
use super::documents::documents;
use super::gathered::{Section, sections};
use super::notes::{self, Notes};
use super::objects::{Taken, kind_of, plural};
use super::place::Place;
use super::recorded::Info;
use super::{DumpLimits, recorded, times};

/// Most gaps about single files; the rest are counted.
pub(super) const MOST_GAPS: usize = 50;

/// What was read so far.
pub(super) struct Reading<'l> {
    limits: &'l DumpLimits,
    pub(super) taken: Taken,
    /// Resources that were read to their end, whether they hold anything or not.
    pub(super) whole: BTreeSet<String>,
    /// Resources of which a part could not be read.
    pub(super) torn: BTreeSet<String>,
    pub(super) recorded: Recorded,
    pub(super) alerts: Option<String>,
    pub(super) notes: Option<Notes>,
    pub(super) logs: Vec<LogExcerpt>,
    log_bytes: usize,
    pub(super) collected_at: Option<Timestamp>,
    pub(super) gaps: Gaps,
    pub(super) gap_count: usize,
    pub(super) passed_over: usize,
    over: bool,
}

impl<'l> Reading<'l> {
    pub(super) fn new(limits: &'l DumpLimits) -> Self {
        Self {
            limits,
            taken: Taken::default(),
            whole: BTreeSet::new(),
            torn: BTreeSet::new(),
            recorded: Recorded::default(),
            alerts: None,
            notes: None,
            logs: Vec::new(),
            log_bytes: 0,
            collected_at: None,
            gaps: Gaps::default(),
            gap_count: 0,
            passed_over: 0,
            over: false,
        }
    }

    /// Adds a gap; from some number on they are only counted.
    pub(super) fn gap(&mut self, collector: &str, reason: String) {
        self.gap_count += 1;
        if self.gap_count <= MOST_GAPS {
            self.gaps.add(collector, reason);
        }
    }

    /// Counts a file that is nothing which is read here.
    pub(super) fn passed_over(&mut self) {
        self.passed_over += 1;
    }

    /// Notes that a file was left out for its size.
    pub(super) fn too_large(&mut self, path: &str, place: &Place, most: u64) {
        self.tear(place);
        self.gap(
            collector(place),
            format!("{path} was left out: with it, more than {} MiB would be read", most >> 20),
        );
    }

    fn tear(&mut self, place: &Place) {
        if let Place::Objects { resource } = place {
            self.torn.insert(resource.clone());
        }
    }

    /// Takes in a file. `cut`: only its end was read.
    pub(super) fn file(&mut self, path: &str, place: &Place, bytes: Vec<u8>, cut: bool) {
        if let Place::Log { namespace, pod, container, previous } = place {
            return self.log(namespace, pod, container, *previous, &bytes, cut);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.gap(
                    collector(place),
                    format!("{path} is not UTF-8 everywhere; what is not was replaced"),
                );
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
        };
        match place {
            Place::PodLogs { namespace, pod } => self.pod_logs(namespace, pod, &text),
            Place::Info => self.info(path, &text),
            Place::CollectedAt => self.collected_at = times::written(&text).or(self.collected_at),
            Place::Notes => self.notes(path, &text),
            Place::Part("alerts") => self.alerts = Some(text),
            Place::Part(name) => self.part(path, name, &text),
            Place::Objects { resource } => self.objects(path, resource, &text),
            Place::Log { .. } | Place::Other => {}
        }
    }

    fn info(&mut self, path: &str, text: &str) {
        match serde_json::from_str::<Info>(text) {
            Ok(info) => {
                self.collected_at =
                    info.collected_at.as_deref().and_then(times::written).or(self.collected_at);
                self.recorded.namespaces.extend(info.namespaces);
            }
            Err(error) => self.gap("dump", format!("{path} cannot be read, at line {}", error.line())),
        }
    }

    fn notes(&mut self, path: &str, text: &str) {
        if text.len() > notes::MOST {
            return self
                .gap("dump", format!("{path} is larger than {} MiB and was left out", notes::MOST >> 20));
        }
        match serde_json::from_str(text) {
            Ok(notes) => self.notes = Some(notes),
            Err(error) => self.gap("dump", format!("{path} cannot be read, at line {}", error.line())),
        }
    }

    fn part(&mut self, path: &str, name: &'static str, text: &str) {
        match recorded::part(name, text, &mut self.recorded) {
            Ok(0) => {}
            Ok(skipped) => {
                self.gap(name, format!("{skipped} entries of {path} cannot be read and were skipped"));
            }
            Err(reason) => self.gap(name, format!("{path} cannot be read: {reason}")),
        }
    }

    fn log(&mut self, namespace: &str, pod: &str, container: &str, previous: bool, bytes: &[u8], cut: bool) {
        let from = bytes.len().saturating_sub(self.limits.log_bytes);
        let kept = bytes.get(from..).unwrap_or_default();
        let truncated = cut || from > 0;
        // Not to begin in the middle of a line.
        let kept =
            if truncated { kept.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or(kept) } else { kept };
        if self.log_bytes + kept.len() > self.limits.all_log_bytes {
            return self.gap(
                "logs",
                format!("the log of {namespace}/{pod} was left out: there is too much of all logs"),
            );
        }
        if kept.is_empty() {
            return;
        }
        self.log_bytes += kept.len();
        self.logs.push(LogExcerpt {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            text: printable(kept),
            truncated,
        });
    }

    fn pod_logs(&mut self, namespace: &str, pod: &str, text: &str) {
        let (logs, between) = sections(text);
        for Section { namespace, pod, container, text } in &logs {
            self.log(namespace, pod, container, false, text.as_bytes(), false);
        }
        // A pod with one container may come without headlines.
        if let (true, [only]) = (logs.is_empty(), between.as_slice()) {
            self.log(namespace, pod, "", false, only.as_bytes(), false);
        }
    }

    fn objects(&mut self, path: &str, resource: &str, text: &str) {
        let (logs, texts) = if text.contains("==== START logs for container ") {
            sections(text)
        } else {
            (Vec::new(), vec![text])
        };
        for Section { namespace, pod, container, text } in logs {
            self.log(namespace, pod, container, false, text.as_bytes(), false);
        }
        for text in texts {
            self.documents(path, resource, text);
        }
    }

    fn documents(&mut self, path: &str, resource: &str, text: &str) {
        let found = documents(text);
        let known = kind_of(resource);
        let mut held: BTreeSet<&'static str> = known.and_then(plural).into_iter().collect();
        held.extend(found.lists.iter().filter_map(|list| plural(list.strip_suffix("List")?)));
        held.extend(found.items.iter().filter_map(|item| plural(&item.kind)));
        // A file of something else: notes, settings.
        let foreign =
            known.is_none() && found.lists.is_empty() && found.items.iter().all(|item| item.kind.is_empty());
        if foreign {
            return self.passed_over();
        }
        match &found.broken {
            Some(reason) => {
                let collector = held.first().copied().unwrap_or("dump");
                let kept = found.items.len();
                self.gap(
                    collector,
                    format!("{path} cannot be read to its end: {reason}; {kept} objects were kept"),
                );
                self.torn.extend(held.iter().map(|resource| (*resource).to_owned()));
            }
            None => self.whole.extend(held.iter().map(|resource| (*resource).to_owned())),
        }
        for mut item in found.items {
            if self.taken.count >= self.limits.objects {
                if !self.over {
                    self.over = true;
                    let most = self.limits.objects;
                    self.gap("dump", format!("there are more than {most} objects; the rest was left out"));
                }
                self.torn.extend(held.iter().map(|resource| (*resource).to_owned()));
                return;
            }
            if item.kind.is_empty() {
                item.kind = known.unwrap_or_default().to_owned();
            }
            self.taken.take(item);
        }
    }
}

fn collector(place: &Place) -> &str {
    match place {
        Place::Log { .. } | Place::PodLogs { .. } => "logs",
        Place::Objects { resource } => kind_of(resource).and_then(plural).unwrap_or("dump"),
        Place::Part(name) => name,
        Place::Info | Place::CollectedAt | Place::Notes | Place::Other => "dump",
    }
}

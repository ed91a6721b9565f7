//! How far an ingestion is: a bar on a terminal, a line a step elsewhere. Always on standard error.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kubewright_ingest::IngestProgress;

use crate::cli::text;

const READING: &str = "{spinner} {msg}, {pos} chunks, {rate} chunks/s";
const EMBEDDING: &str = "{spinner} {msg} [{bar:30}] {pos}/{len} chunks, {rate} chunks/s, {eta} left";
/// How often a terminal's picture moves while nothing happens.
const TICK: Duration = Duration::from_millis(120);
/// Widest name of a source.
const NAME_WIDTH: usize = 40;

/// What people see while they wait.
pub(in crate::cli) struct Progress {
    bar: Option<ProgressBar>,
    /// The source and step that was shown last.
    step: Option<(String, bool)>,
    /// Tenths of the embedding that were told where there is no terminal.
    told: usize,
}

impl Progress {
    pub(in crate::cli) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = terminal.then(|| ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()));
        Self { bar, step: None, told: 0 }
    }

    pub(in crate::cli) fn show(&mut self, step: IngestProgress<'_>) {
        match step {
            IngestProgress::Read { source, documents, passages } => {
                self.enter(source, false, || format!("reading {}", name(source)));
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("reading {}: {documents} files", name(source)));
                    bar.set_position(count(passages));
                }
            }
            IngestProgress::Embedded { source, done, total } => {
                self.enter(source, true, || format!("embedding {}", name(source)));
                match &self.bar {
                    Some(bar) => {
                        bar.set_length(count(total));
                        bar.set_position(count(done));
                    }
                    None => self.tell(source, done, total),
                }
            }
        }
    }

    /// Begins another step where it is one.
    fn enter(&mut self, source: &str, embeds: bool, title: impl FnOnce() -> String) {
        if self.step.as_ref().is_some_and(|(known, embedded)| known == source && *embedded == embeds) {
            return;
        }
        self.step = Some((source.to_owned(), embeds));
        self.told = 0;
        let Some(bar) = &self.bar else {
            anstream::eprintln!("{}", title());
            return;
        };
        let template = if embeds { EMBEDDING } else { READING };
        bar.reset();
        bar.set_style(style(template));
        bar.set_message(title());
        bar.enable_steady_tick(TICK);
    }

    /// A line at every tenth, for logs.
    fn tell(&mut self, source: &str, done: usize, total: usize) {
        let tenth = done * 10 / total.max(1);
        if tenth > self.told {
            self.told = tenth;
            anstream::eprintln!("embedding {}: {done} of {total} chunks", name(source));
        }
    }

    pub(in crate::cli) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
        // A terminal that cannot be written shows nothing; the work goes on.
        let _ = write!(out, "{:.0}", state.per_sec());
    })
}

fn name(source: &str) -> String {
    text::shorten(&text::line(source), NAME_WIDTH)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

//! What the demo writes: one line a time stamp, coloured on a terminal, plain elsewhere.

use std::io::Write;
use std::time::Instant;

use anstyle::{AnsiColor, Style};

use super::detail::{Line, Tone};
use crate::cli::line as printable;

/// The terminal, or what stands for it. Colours are dropped where nobody would see them.
pub(super) struct Screen {
    began: Instant,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { began: Instant::now() }
    }

    /// A heading over what follows.
    pub(super) fn heading(&self, text: &str) {
        let bold = Style::new().bold();
        self.write(&format!("\n{bold}{}{bold:#}", printable(text)));
    }

    /// Lines that belong to one moment of one phase.
    pub(super) fn moment(&self, phase: &str, lines: &[Line]) {
        let seconds = self.began.elapsed().as_secs_f64();
        for (index, line) in lines.iter().enumerate() {
            let style = style(line.tone);
            let text = printable(&line.text);
            let label = if index == 0 { format!("{seconds:6.1}s  {phase:<15}") } else { " ".repeat(24) };
            self.write(&format!("{label}{style}{text}{style:#}"));
        }
    }

    /// One line of one moment.
    pub(super) fn note(&self, phase: &str, tone: Tone, text: &str) {
        self.moment(phase, &[Line { tone, text: text.to_owned() }]);
    }

    /// A line without a time.
    pub(super) fn plain(&self, text: &str) {
        self.write(&printable(text));
    }

    /// A line with a mark for something that should hold.
    pub(super) fn expectation(&self, holds: bool, text: &str) {
        let (tone, mark) = if holds { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        let style = style(tone);
        self.write(&format!("  {style}{mark} {}{style:#}", printable(text)));
    }

    fn write(&self, text: &str) {
        // A closed pipe (`kubewright demo | head`) is the reader's choice; the run goes on and its exit code counts.
        let _ = writeln!(anstream::stdout(), "{text}");
    }
}

fn style(tone: Tone) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => colour(AnsiColor::Green),
        Tone::Warn => colour(AnsiColor::Yellow),
        Tone::Bad => colour(AnsiColor::Red).bold(),
        Tone::Faint => Style::new().dimmed(),
    }
}

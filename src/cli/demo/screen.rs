//! What the demo writes: one line a time stamp, coloured on a terminal, plain elsewhere.

use std::io::Write;
use std::time::Instant;

use anstyle::{AnsiColor, Style};

use super::detail::{Line, Tone};
use crate::cli::line as printable;
use crate::cli::wrap::{self, wrapped};

/// Columns before the text of a moment.
const MARGIN: usize = 24;

/// The terminal, or what stands for it. Colours are dropped where nobody would see them.
pub(super) struct Screen {
    began: Instant,
    /// Columns of the terminal, if it is one.
    width: Option<usize>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), width: wrap::width() }
    }

    /// A heading over what follows.
    pub(super) fn heading(&self, text: &str) {
        let bold = Style::new().bold();
        self.write(&format!("\n{bold}{}{bold:#}", wrapped(&printable(text), 2, self.width)));
    }

    /// Lines that belong to one moment of one phase.
    pub(super) fn moment(&self, phase: &str, lines: &[Line]) {
        let seconds = self.began.elapsed().as_secs_f64();
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { format!("{seconds:6.1}s  {phase:<15}") } else { " ".repeat(MARGIN) };
            self.write(&labelled(&label, line, self.width));
        }
    }

    /// One line of one moment.
    pub(super) fn note(&self, phase: &str, tone: Tone, text: &str) {
        self.moment(phase, &[Line { tone, text: text.to_owned() }]);
    }

    /// A line without a time.
    pub(super) fn plain(&self, text: &str) {
        self.write(&wrapped(&printable(text), 20, self.width));
    }

    /// A line with a mark for something that should hold.
    pub(super) fn expectation(&self, holds: bool, text: &str) {
        let (tone, mark) = if holds { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        let style = style(tone);
        let text = wrapped(&format!("  {mark} {}", printable(text)), 4, self.width);
        self.write(&format!("{style}{text}{style:#}"));
    }

    fn write(&self, text: &str) {
        // A closed pipe (`kubewright demo | head`) is the reader's choice; the run goes on and its exit code counts.
        let _ = writeln!(anstream::stdout(), "{text}");
    }
}

/// A line behind its label; what does not fit goes on below its text.
fn labelled(label: &str, line: &Line, width: Option<usize>) -> String {
    let style = style(line.tone);
    let whole = wrapped(&format!("{label}{}", printable(&line.text)), MARGIN, width);
    // The label is never wrapped: it is narrower than any terminal.
    let text = whole.strip_prefix(label).unwrap_or(&whole);
    let label = if text.len() == whole.len() { "" } else { label };
    format!("{label}{style}{text}{style:#}")
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

#[cfg(test)]
mod tests {
    use super::{Line, MARGIN, Tone, labelled};

    #[test]
    fn what_does_not_fit_beside_its_time_goes_on_below_its_text() {
        let text =
            "The log of the old version says: no such table: orders. It was built with two versions of it.";
        let label = format!("{:6.1}s  {:<15}", 12.3, "diagnose");
        let shown = labelled(&label, &Line::new(Tone::Good, text), Some(80));
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines[0],
            "  12.3s  diagnose       The log of the old version says: no such table: orders."
        );
        assert_eq!(lines[1], format!("{}It was built with two versions of it.", " ".repeat(MARGIN)));
        assert_eq!(lines.len(), 2);
        let whole = labelled(&label, &Line::new(Tone::Plain, text), None);
        assert_eq!(whole.lines().count(), 1);
    }
}

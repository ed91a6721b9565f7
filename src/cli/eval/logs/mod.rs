//! `kubewright eval logs`: how well log lines are grouped, on logs whose events are known, and how quickly.

mod grouping;
mod labelled;

use std::fmt::{Display, Formatter};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::grouping::{Grouping, grouping};
use self::labelled::{Labelled, find};
use super::super::output::{Format, print, render};
use super::super::text;
use crate::observe::LogMiner;

/// How long each log is mined over and over for its speed.
const MEASURED: Duration = Duration::from_secs(1);

/// Which logs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubewright eval logs --logs loghub
  kubewright eval logs --logs loghub -o json

Looks for files named NAME_structured.csv with the columns Content and EventId, as LogHub has them, in the folder and the
folders in it. Content is mined alone, and where NAME is there too, its whole lines are. A line is right when its group holds
exactly the lines of its event. Nothing is tuned to a system.")]
pub struct LogsArgs {
    /// The folder of the logs
    #[arg(long, value_name = "DIR")]
    logs: PathBuf,
}

/// The figures of all logs.
#[derive(Debug, Serialize)]
struct Report {
    systems: Vec<System>,
    /// Means over the systems, each counting the same.
    grouping_accuracy: Option<f64>,
    grouping_accuracy_of_content: Option<f64>,
}

/// The figures of one log.
#[derive(Debug, Serialize)]
struct System {
    name: String,
    lines: usize,
    events: usize,
    /// Of whole lines; absent where there is no log beside the table.
    whole_lines: Option<Grouping>,
    content: Grouping,
    /// On one core.
    lines_per_second: f64,
    bytes_per_second: f64,
}

pub(super) async fn run(
    args: LogsArgs,
    format: Format,
    shutdown: &CancellationToken,
) -> anyhow::Result<ExitCode> {
    let stop = shutdown.clone();
    let report = tokio::task::spawn_blocking(move || measure(&args, &stop))
        .await
        .context("the measurement broke off")??;
    print(&render(format, &report, |report| text::lines(&report.to_string()))?)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &LogsArgs, stop: &CancellationToken) -> anyhow::Result<Report> {
    let tables = find(&args.logs)?;
    if tables.is_empty() {
        bail!("{} holds no file named NAME_structured.csv", args.logs.display());
    }
    let mut systems = Vec::new();
    for table in tables {
        if stop.is_cancelled() {
            bail!("stopped before the figures were complete");
        }
        let labelled = Labelled::read(&table)?;
        anstream::eprintln!("mining {}, {} lines", text::line(&labelled.name), labelled.events.len());
        systems.push(System::measure(&labelled));
    }
    let mean =
        |figures: Vec<f64>| (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64);
    Ok(Report {
        grouping_accuracy: mean(
            systems.iter().filter_map(|system| Some(system.whole_lines.as_ref()?.accuracy)).collect(),
        ),
        grouping_accuracy_of_content: mean(systems.iter().map(|system| system.content.accuracy).collect()),
        systems,
    })
}

impl System {
    fn measure(labelled: &Labelled) -> Self {
        let Labelled { name, events, contents, whole_lines } = labelled;
        let content = grouping(&mined(contents), events);
        let whole = whole_lines.as_ref().map(|lines| grouping(&mined(lines), events));
        let lines = whole_lines.as_ref().unwrap_or(contents);
        let (mined, seconds) = speed(lines);
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let lines_per_second = mined as f64 / seconds;
        Self {
            name: name.clone(),
            lines: events.len(),
            events: content.events,
            whole_lines: whole,
            content,
            lines_per_second,
            bytes_per_second: lines_per_second * bytes as f64 / lines.len().max(1) as f64,
        }
    }
}

/// The group of each line after the last of them.
fn mined(lines: &[Vec<u8>]) -> Vec<Option<u32>> {
    let mut miner = LogMiner::default().at_most(lines.len() + 1);
    let numbers: Vec<Option<u32>> = lines.iter().map(|line| miner.add(line)).collect();
    numbers.into_iter().map(|number| number.map(|number| miner.template_of(number))).collect()
}

/// Lines mined and the seconds that it took.
fn speed(lines: &[Vec<u8>]) -> (usize, f64) {
    let (mut miner, mut count, started) = (LogMiner::default(), 0, Instant::now());
    while started.elapsed() < MEASURED && !lines.is_empty() {
        for line in lines {
            miner.add(line);
        }
        count += lines.len();
    }
    (count, started.elapsed().as_secs_f64().max(f64::EPSILON))
}

impl Display for Report {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        writeln!(
            to,
            "{:<16} {:>9} {:>7}  {:>12} {:>9}  {:>12}",
            "system", "lines", "events", "whole lines", "content", "lines/s"
        )?;
        let figure =
            |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.4}"));
        for system in &self.systems {
            let whole = figure(system.whole_lines.as_ref().map(|whole| whole.accuracy));
            let content = figure(Some(system.content.accuracy));
            let (name, lines, events, speed) =
                (&system.name, system.lines, system.events, system.lines_per_second);
            writeln!(to, "{name:<16} {lines:>9} {events:>7}  {whole:>12} {content:>9}  {speed:>12.0}")?;
        }
        let (whole, content) = (figure(self.grouping_accuracy), figure(self.grouping_accuracy_of_content));
        write!(to, "{:<16} {:>9} {:>7}  {whole:>12} {content:>9}", "mean", "", "")
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::{LogsArgs, measure};

    #[test]
    fn a_log_with_known_events_is_measured_whole_and_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("shop");
        std::fs::create_dir(&inside).unwrap();
        let log = "2026-01-01 10:00:00 INFO sold 3 pens\n2026-01-01 10:00:01 INFO sold 4 pens\n\
                   2026-01-01 10:00:02 ERROR no \"pens\", sorry\n";
        let table = "LineId,Content,EventId,EventTemplate\n1,sold 3 pens,E1,x\n2,sold 4 pens,E1,x\n\
                     3,\"no \"\"pens\"\", sorry\",E2,y\n";
        std::fs::write(inside.join("shop.log"), log).unwrap();
        std::fs::write(inside.join("shop.log_structured.csv"), table).unwrap();
        std::fs::write(inside.join("notes.txt"), "nothing").unwrap();
        let args = LogsArgs { logs: folder.path().to_owned() };
        let report = measure(&args, &CancellationToken::new()).unwrap();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["grouping_accuracy"], 1.0);
        assert_eq!(json["grouping_accuracy_of_content"], 1.0);
        assert_eq!(
            (&json["systems"][0]["name"], &json["systems"][0]["lines"]),
            (&"shop.log".into(), &3.into())
        );
        assert!(json["systems"][0]["lines_per_second"].as_f64().unwrap() > 0.0);
        assert!(report.to_string().contains("shop.log"), "{report}");
    }

    #[test]
    fn what_cannot_be_measured_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let measured = || {
            let args = LogsArgs { logs: folder.path().to_owned() };
            format!("{:#}", measure(&args, &CancellationToken::new()).unwrap_err())
        };
        assert!(measured().contains("no file named"));
        let table = folder.path().join("a.log_structured.csv");
        std::fs::write(&table, "LineId,Message\n1,x\n").unwrap();
        assert!(measured().contains("column Content"), "{}", measured());
        std::fs::write(&table, "Content,EventId\nx\n").unwrap();
        assert!(measured().contains("a.log_structured.csv"), "{}", measured());
        std::fs::write(&table, "Content,EventId\nx,E1\n").unwrap();
        std::fs::write(folder.path().join("a.log"), "x\ny\n").unwrap();
        assert!(measured().contains("2 lines"), "{}", measured());
    }
}

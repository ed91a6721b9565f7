//! Mining templates out of log lines, whatever wrote them.
//!
//! Owns reading a line (head or fields, message) and grouping messages by template, with counts, times and what the onset of
//! trouble changed. It does not say what a template means, beyond telling trouble from the course of things. Lines are bytes
//! from outside: nothing here panics on them, and neither memory nor the time for a line grows with how hostile they are.
//!
//! In reading order: `line` (with `head`, `time`, `fields`, `level`), `scan` (with `word`), `templates` (with `template`,
//! `hash`), `miner` (with `onset`, `trouble`).

mod fields;
mod hash;
mod head;
mod level;
mod line;
mod miner;
mod onset;
mod scan;
mod template;
mod templates;
mod time;
mod trouble;
mod word;

pub use level::LogLevel;
pub use miner::{LogMiner, LogTemplate};
pub use onset::LogTrend;

//! Where log lines go and how they look.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged unless somebody asks for more: our own steps, and only the warnings of libraries.
pub const DEFAULT_FILTER: &str = "warn,kubewright=info";

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: one line each, coloured on a terminal.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter does not parse.
    #[error("\"{filter}\" is not a log filter; write it like \"info\" or \"warn,kubewright=debug\"")]
    Filter {
        /// What was given.
        filter: String,
        /// What the parser says.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another subscriber is installed already.
    #[error("logging was already started in this process")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends log lines that pass `filter` (in the notation of `RUST_LOG`) to standard error. `colours` allows them where
/// standard error is a terminal.
///
/// # Errors
/// [`LoggingError`] when the filter does not parse or logging was started before.
pub fn start_logging(filter: &str, format: LogFormat, colours: bool) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours && std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.finish().with(without_conversations()).try_init()?,
        LogFormat::Json => {
            lines.json().flatten_event(true).finish().with(without_conversations()).try_init()?;
        }
    }
    Ok(())
}

/// At its finest level the client of language models logs whole questions, before they are scrubbed, and whole answers.
/// No filter that somebody sets may bring those into a log.
fn without_conversations() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    filter_fn(|metadata| *metadata.level() != Level::TRACE || !metadata.target().starts_with("rig"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{LogFormat, start_logging, without_conversations};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn conversations_with_models_are_logged_at_no_level() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt().with_env_filter("trace").with_writer(move || writer.clone());
        tracing::subscriber::with_default(lines.finish().with(without_conversations()), || {
            tracing::trace!(target: "rig::completions", "the whole question");
            tracing::warn!(target: "rig::completions", "something is wrong");
            tracing::trace!("a detail of ours");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("something is wrong") && text.contains("a detail of ours"), "{text}");
        assert!(!text.contains("the whole question"), "{text}");
    }

    #[test]
    fn a_filter_that_does_not_parse_is_refused_with_an_example() {
        let refused =
            start_logging("kubewright=loudly", LogFormat::Text, false).map_err(|error| error.to_string());
        assert_eq!(
            refused,
            Err("\"kubewright=loudly\" is not a log filter; write it like \"info\" or \"warn,kubewright=debug\""
                .to_owned())
        );
    }
}

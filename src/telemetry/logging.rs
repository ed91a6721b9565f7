//! Where log lines go and how they look.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

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
        LogFormat::Text => lines.finish().try_init()?,
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, start_logging};

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

//! Asking a person on the terminal before something is done.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Asks a question. Anything but yes is no.
///
/// # Errors
/// `otherwise`, what to do where nobody can be asked; a terminal that cannot be read.
pub(super) async fn confirmed(
    question: String,
    otherwise: &str,
    shutdown: &CancellationToken,
) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can be asked here: {otherwise}");
    }
    let (sender, asked) = oneshot::channel();
    // A thread of its own, because reading a terminal cannot be interrupted: the program must be able to end without it.
    std::thread::spawn(move || sender.send(ask(&question)));
    match shutdown.run_until_cancelled(asked).await {
        Some(answer) => Ok(answer.context("the question was not asked")??),
        None => Ok(false),
    }
}

fn ask(question: &str) -> std::io::Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "\n{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

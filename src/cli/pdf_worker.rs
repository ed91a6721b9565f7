//! `kubewright ingest-pdf-worker`: reads one PDF for another process of this program, and nothing else.

use std::path::Path;
use std::process::ExitCode;

use kubewright_ingest::serve_pdf;

/// Reads a PDF on standard input and writes its text on standard output.
///
/// # Errors
/// When standard input holds no question.
pub(super) async fn run() -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(|| serve_pdf(std::io::stdin(), std::io::stdout())).await??;
    Ok(ExitCode::SUCCESS)
}

/// Where this program is, for processes of its own; empty where that cannot be told. Linux finds it there even after it
/// was replaced.
#[must_use]
pub fn program() -> String {
    let link = Path::new("/proc/self/exe");
    let found = if link.exists() { Ok(link.to_owned()) } else { std::env::current_exe() };
    found.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

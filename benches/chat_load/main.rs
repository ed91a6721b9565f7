//! What chat costs beside the model: 200 chats that stream at the same time, against a server in the same process.
//!
//! What takes the model's place says a word every few milliseconds, and each word carries the time at which it was said;
//! so the time between saying and reading is ours, and so is the length of a turn beyond that of the model. Needs no
//! arguments: `cargo bench --bench chat_load`. Fails when a single chat fails or loses a word.

mod clients;
mod server;
mod slow;

use std::time::Duration;

use anyhow::{Result, ensure};
use clients::{Clients, Wire};
use server::Server;

/// Chats at the same time.
const CHATS: usize = 200;

/// Turns of each chat, one after the other.
const TURNS: usize = 3;

/// How long all turns of one wire may take.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo bench` says so; test runners that start every target do not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    // The first one wins; a second is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let clients = Clients::new(&server.url, CHATS)?;
    // Connections and caches are there before anything is measured.
    clients.run(Wire::OpenAi, 1).await?;

    println!(
        "{:<26} {:>6} {:>7} {:>13} {:>13} {:>13} {:>13} {:>12}",
        "wire",
        "turns",
        "failed",
        "chunk p50 ms",
        "chunk p99 ms",
        "turn p50 ms",
        "turn p99 ms",
        "KB per chat"
    );
    let mut failures = Vec::new();
    for wire in [Wire::OpenAi, Wire::Native] {
        let measured = tokio::time::timeout(PATIENCE, clients.run(wire, TURNS)).await??;
        println!("{}", measured.row(wire.path(), CHATS));
        failures.extend(measured.failures);
    }
    ensure!(
        failures.is_empty(),
        "{} turns failed: {:?}",
        failures.len(),
        failures.iter().take(5).collect::<Vec<_>>()
    );
    server.stop().await;
    Ok(())
}

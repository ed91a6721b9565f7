//! The knowledge base as its users see it: folders in, answers out, on real indexes in temporary folders.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod durability;
mod meaning;
#[cfg(feature = "vectors")]
mod replicas;
#[cfg(feature = "vectors")]
mod rerank;
mod stage;
mod words;

//! The knowledge base as its users see it: folders in, answers out, on real indexes in temporary folders.

mod durability;
mod meaning;
mod stage;
mod words;

//! Whole diagnoses of tiny worlds.

mod access;
mod causes;
mod innocent;
mod placed;
mod policies;
mod pruned;
mod reached;
mod refused;
mod shown;

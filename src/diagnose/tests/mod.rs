//! Whole diagnoses of tiny worlds.

mod access;
mod admission;
mod causes;
mod hostile;
mod innocent;
mod kept;
mod placed;
mod policies;
mod pruned;
mod reached;
mod refused;
mod shown;

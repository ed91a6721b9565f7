//! Whole diagnoses of tiny worlds.

mod causes;
mod hostile;
mod innocent;
mod kept;
mod placed;
mod pruned;
mod reached;
mod refused;
mod shown;

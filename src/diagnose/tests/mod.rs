//! Whole diagnoses of tiny worlds.

mod causes;
mod innocent;
mod kept;
mod placed;
mod pruned;
mod reached;
mod refused;
mod shown;

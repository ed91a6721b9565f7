//! Whole diagnoses of tiny worlds.

mod causes;
mod innocent;
mod placed;
mod pruned;
mod reached;
mod shown;

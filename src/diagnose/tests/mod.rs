//! Whole diagnoses of tiny worlds.

mod causes;
mod hostile;
mod innocent;
mod placed;
mod pruned;
mod reached;
mod shown;

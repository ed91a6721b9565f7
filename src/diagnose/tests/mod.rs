//! Whole diagnoses of tiny worlds.

mod causes;
mod innocent;
mod pruned;
mod shown;

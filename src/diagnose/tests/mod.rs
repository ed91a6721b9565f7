//! Whole diagnoses of tiny worlds.

mod access;
mod admission;
mod agents;
mod answers;
mod behind;
mod causes;
mod closed;
mod edited;
mod hostile;
mod innocent;
mod kept;
mod logins;
mod mutated;
mod names;
mod placed;
mod policies;
mod pruned;
mod reached;
mod refused;
mod shown;
mod trust;

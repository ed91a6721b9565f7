//! The simulated cluster as the real kubectl and plain HTTP clients see it.

mod garbage;
mod protocol;
mod reading;
mod rollouts;
mod stage;
mod watching;
mod writing;

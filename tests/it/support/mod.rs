//! What several capabilities need to be tried out for real.

pub(crate) mod postgres;

//! Placeholder until its first tenant moves in.

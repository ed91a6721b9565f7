//! Whole diagnoses.

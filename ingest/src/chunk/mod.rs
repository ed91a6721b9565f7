//! Documents into passages.

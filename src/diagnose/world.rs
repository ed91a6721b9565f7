//! Tiny worlds for tests.

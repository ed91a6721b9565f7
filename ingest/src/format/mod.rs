//! Bytes into headings, prose, code and tables.

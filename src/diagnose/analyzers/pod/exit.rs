//! What exit codes mean.

use crate::diagnose::codes::{self, Code};

/// The code of the finding and what the number says, by the conventions of shells and signals (128 + signal).
pub(super) const fn meaning(exit_code: i32) -> (Code, &'static str) {
    match exit_code {
        126 => (codes::NOT_EXECUTABLE, "its command cannot be executed"),
        127 => (codes::COMMAND_NOT_FOUND, "its command was not found"),
        134 => (codes::EXITED, "it aborted itself (SIGABRT)"),
        137 => (codes::KILLED, "it was killed (SIGKILL)"),
        139 => (codes::SEGMENTATION_FAULT, "it touched memory that is not its own (SIGSEGV)"),
        143 => (codes::TERMINATED, "it was asked to stop (SIGTERM)"),
        0 => (codes::EXITED, "it ended by itself without an error"),
        _ => (codes::EXITED, "it ended with an error of its own"),
    }
}

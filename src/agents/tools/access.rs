//! Which namespaces a caller may look into.

use std::collections::BTreeSet;

use super::ToolError;

/// What of a cluster may be read in one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// All that kubewright itself may read.
    Everything,
    /// These namespaces, and cluster-wide objects (nodes, volumes, storage classes) that they depend on.
    Namespaces(BTreeSet<String>),
}

impl Access {
    /// Lets a namespace pass, or says which may be looked into.
    ///
    /// # Errors
    /// [`ToolError::Denied`] when the namespace is not among the permitted ones.
    pub fn check(&self, namespace: &str) -> Result<(), ToolError> {
        match self {
            Self::Everything => Ok(()),
            Self::Namespaces(permitted) if permitted.contains(namespace) => Ok(()),
            Self::Namespaces(permitted) => {
                let permitted: Vec<&str> = permitted.iter().map(String::as_str).collect();
                Err(ToolError::Denied(format!(
                    "namespace {namespace} may not be read in this conversation; permitted: {}",
                    permitted.join(", ")
                )))
            }
        }
    }

    /// The namespaces to read where none is named; `None`: all of them.
    #[must_use]
    pub fn namespaces(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Everything => None,
            Self::Namespaces(permitted) => Some(permitted),
        }
    }
}

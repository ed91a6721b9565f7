//! What an API server or the way to it can answer instead of doing what was asked.

use kube::core::Status;

use crate::incident::ObjectRef;

/// Why a call to the API server failed, told apart by what one can do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The object does not exist any more.
    #[error("{target} does not exist any more")]
    Gone {
        /// The object.
        target: ObjectRef,
    },
    /// The service account lacks a permission.
    #[error("forbidden: grant \"{verb}\" on {target} to kubewright's service account ({message})")]
    Forbidden {
        /// The verb that is missing.
        verb: &'static str,
        /// On what.
        target: ObjectRef,
        /// The server's words.
        message: String,
    },
    /// Admission, validation, a quota or a disruption budget refuses it; trying again does not help.
    #[error("the cluster refuses to {verb} {target}: {message}")]
    Refused {
        /// What was tried.
        verb: &'static str,
        /// On what.
        target: ObjectRef,
        /// The server's words. Untrusted text.
        message: String,
    },
    /// Somebody else wrote the object in between.
    #[error("{target} was changed by somebody else in the meantime")]
    Conflict {
        /// The object.
        target: ObjectRef,
    },
    /// No answer, or one that says nothing about the request. A change may have been made all the same.
    #[error("the API server could not be asked to {verb} {target}: {reason}")]
    Unreachable {
        /// What was tried.
        verb: &'static str,
        /// On what.
        target: ObjectRef,
        /// Why, in short.
        reason: String,
        /// The error below, where there is one.
        #[source]
        source: Option<Box<kube::Error>>,
    },
    /// The kind is not one that kubewright changes.
    #[error("kubewright does not change objects like {target}")]
    Unsupported {
        /// The object.
        target: ObjectRef,
    },
}

impl ClusterError {
    /// Sorts a kube error by what it means for `verb` on `target`.
    pub(super) fn new(verb: &'static str, target: &ObjectRef, error: kube::Error) -> Self {
        let target = target.clone();
        match error {
            kube::Error::Api(status) => Self::from_status(verb, target, status),
            other => {
                Self::Unreachable { verb, target, reason: outline(&other), source: Some(Box::new(other)) }
            }
        }
    }

    /// The call took longer than its deadline.
    pub(super) fn late(verb: &'static str, target: &ObjectRef, deadline: std::time::Duration) -> Self {
        let reason = format!("no answer within {} s", deadline.as_secs_f64());
        Self::Unreachable { verb, target: target.clone(), reason, source: None }
    }

    fn from_status(verb: &'static str, target: ObjectRef, status: Box<Status>) -> Self {
        let message = shortened(&status.message);
        match status.code {
            404 => Self::Gone { target },
            401 => Self::Forbidden { verb, target, message },
            403 if is_rbac(&status.message) => Self::Forbidden { verb, target, message },
            409 if status.reason != "AlreadyExists" => Self::Conflict { target },
            // A server that is merely busy answers 429 as well.
            429 if message.contains("disruption budget") => Self::Refused { verb, target, message },
            408 | 429 | 500..=599 => {
                let reason = format!("status {}: {message}", status.code);
                Self::Unreachable { verb, target, reason, source: Some(Box::new(kube::Error::Api(status))) }
            }
            _ => Self::Refused { verb, target, message },
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Unreachable { .. })
    }
}

/// RBAC says `User "x" cannot update resource "y"`; an admission plug-in that answers 403 words it otherwise.
fn is_rbac(message: &str) -> bool {
    message.contains(" cannot ") && message.contains("resource")
}

/// The server's words, at most 500 characters: admission webhooks may answer anything.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 500;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

fn outline(error: &kube::Error) -> String {
    match error {
        kube::Error::Service(source) => format!("connection failed: {source}"),
        kube::Error::HyperError(source) => format!("connection broke: {source}"),
        kube::Error::SerdeError(_) => "the answer is not what an API server sends".to_owned(),
        other => shortened(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::ClusterError;
    use crate::incident::ObjectRef;

    fn sorted(code: u16, message: &str) -> ClusterError {
        let target = ObjectRef::new("Deployment", "shop", "web");
        let status = Status::failure(message, "").with_code(code);
        ClusterError::new("update", &target, kube::Error::Api(status.boxed()))
    }

    #[test]
    fn a_missing_permission_is_told_apart_from_an_admission_refusal() {
        let rbac = sorted(
            403,
            "deployments.apps \"web\" is forbidden: User \"x\" cannot update resource \"deployments\"",
        );
        let quota = sorted(403, "pods \"web\" is forbidden: exceeded quota: compute");
        let webhook = sorted(400, "admission webhook \"guard\" denied the request");
        assert!(matches!(rbac, ClusterError::Forbidden { verb: "update", .. }), "{rbac:?}");
        assert!(matches!(quota, ClusterError::Refused { .. }), "{quota:?}");
        assert!(matches!(webhook, ClusterError::Refused { .. }), "{webhook:?}");
    }

    #[test]
    fn a_disruption_budget_is_a_refusal_and_a_busy_server_is_not() {
        let budget = sorted(429, "Cannot evict pod as it would violate the pod's disruption budget.");
        assert!(matches!(budget, ClusterError::Refused { .. }), "{budget:?}");
        assert!(sorted(429, "too many requests").is_retryable());
    }

    #[test]
    fn only_conflicts_and_outages_are_worth_another_try() {
        let retryable = [404, 403, 409, 422, 429, 500, 503].map(|code| sorted(code, "x").is_retryable());
        assert_eq!(retryable, [false, false, true, false, true, true, true]);
    }
}

//! RBAC as the API server applies it: what a refusal asks for, who would have to grant it, and why nobody does
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/>).
//!
//! Whoever is bound gets what the roles of all their bindings allow together. So a refusal has no single rule behind it: what
//! comes nearest to granting it is to blame.

mod bindings;
mod question;
mod roles;
mod verdict;

pub(super) use question::Question;
pub(super) use verdict::{Fault, Granted, judge};

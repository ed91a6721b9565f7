//! NetworkPolicies as the API defines them: which policies isolate a pod, what they let through, and which of them is to
//! blame where a call does not get through (<https://kubernetes.io/docs/concepts/services-networking/network-policies/>).
//!
//! A pod that no policy selects for a direction is open in it. One that some select lets through what any of these allows. A
//! call needs both: what isolates the caller must let it out, what isolates the called must let it in.
//!
//! What cannot be judged counts as let through: better no explanation than a wrong one.

mod address;
mod call;
mod peer;

pub(super) use call::{Block, Call, End, Port, blocked, names_blocked};
pub(super) use peer::{Direction, isolating};

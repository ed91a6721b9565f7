//! The Model Context Protocol, both ways.
//!
//! As a client: the tools of other programs ([`reach`]) become tools of agents. A server only says of itself that a tool
//! just reads, so what it says is never enough to change anything here: its answers are untrusted text like any other.
//! As a server: a [`Desk`] offers kubewright's own reading tools to other assistants, over HTTP and on standard input and
//! output. Tools of other programs are not passed on.

mod answer;
mod connect;
mod desk;
mod foreign;
mod http;
mod link;
mod listing;
mod reach;
mod serve;

pub use desk::Desk;
pub use http::{HttpDesk, over_http};
pub use reach::{Added, Reached, ServerReport, reach};

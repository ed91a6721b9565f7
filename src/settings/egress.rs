//! `[egress]`: what is replaced in text that leaves for models, embedding endpoints, traces and chats.

use std::path::PathBuf;

use super::raw;
use super::validate::Validator;

/// What is replaced in text that leaves. Secrets always are; there is no setting for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressSettings {
    /// Whether e-mail addresses are.
    pub emails: bool,
    /// Whether IP addresses are. A diagnosis often turns on them, so they are not by default.
    pub ip_addresses: bool,
    /// A file with further rules, of the form of `src/egress/rules/secrets.toml`.
    pub rules: Option<PathBuf>,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self { emails: true, ip_addresses: false, rules: None }
    }
}

impl Validator<'_> {
    pub(super) fn egress(&mut self, raw: raw::Egress) -> EgressSettings {
        let defaults = EgressSettings::default();
        if let Some(path) = raw.rules.as_ref().filter(|path| !path.is_file()) {
            self.add("egress.rules", format!("{} is not a file", path.display()));
        }
        EgressSettings {
            emails: raw.emails.unwrap_or(defaults.emails),
            ip_addresses: raw.ip_addresses.unwrap_or(defaults.ip_addresses),
            rules: raw.rules,
        }
    }
}

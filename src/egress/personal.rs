//! E-mail and IP addresses: not secret, but private. Replaced by setting, and put back in what people see.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::pattern::Pattern;
use crate::settings::EgressSettings;

/// A rule name and where it matched.
pub(super) type Address = (&'static str, Range<usize>);

/// What finds addresses.
#[derive(Debug)]
pub(super) struct Personal {
    emails: Option<Pattern>,
    addresses: Option<Pattern>,
}

impl Personal {
    pub(super) fn new(settings: &EgressSettings) -> Self {
        let email = r"(?i)\b[a-z0-9._%+'-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b";
        let address = r"(?i)[0-9a-f:.]{2,64}";
        Self {
            emails: settings.emails.then(|| Pattern::new(email)),
            addresses: settings.ip_addresses.then(|| Pattern::new(address)),
        }
    }

    /// Every address. Without its patterns there is no answer, and the text is not to be passed on.
    pub(super) fn find(&self, text: &str) -> Option<Vec<Address>> {
        let compiled = |pattern: &'_ Option<Pattern>| pattern.as_ref().map(|pattern| pattern.get().is_some());
        if [&self.emails, &self.addresses].into_iter().filter_map(compiled).any(|compiled| !compiled) {
            return None;
        }
        let emails = self.emails.iter().filter_map(Pattern::get).flat_map(|pattern| pattern.find_iter(text));
        let mut found: Vec<Address> = emails.map(|email| ("email", email.range())).collect();
        for word in self.addresses.iter().filter_map(Pattern::get).flat_map(|pattern| pattern.find_iter(text))
        {
            found.extend(address(text, word.range()).map(|range| ("ip", range)));
        }
        Some(found)
    }
}

/// The address that a word of digits, dots and colons holds, without a port; not loopback and not "any".
fn address(text: &str, word: Range<usize>) -> Option<Range<usize>> {
    let glued = |letter: Option<char>| letter.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if glued(text.get(..word.start)?.chars().next_back()) || glued(text.get(word.end..)?.chars().next()) {
        return None;
    }
    let whole = text.get(word.clone())?;
    let kept = whole.trim_end_matches(['.', ':']);
    let bare = if whole.ends_with("::") { whole } else { kept };
    let host = bare.split_once(':').map_or(bare, |(host, _)| host);
    if let Ok(v4) = host.parse::<Ipv4Addr>() {
        return (!v4.is_loopback() && !v4.is_unspecified()).then(|| word.start..word.start + host.len());
    }
    let v6 = bare.parse::<Ipv6Addr>().ok().filter(|v6| !v6.is_loopback() && !v6.is_unspecified())?;
    let numbered = bare.bytes().any(|byte| byte.is_ascii_digit());
    (numbered && v6.segments().iter().filter(|part| **part != 0).count() > 1)
        .then(|| word.start..word.start + bare.len())
}

//! Names from alerts are untrusted: only what Kubernetes accepts as a name may enter a URL or selector.

/// A DNS label (RFC 1123), as names of namespaces and services are.
pub(in super::super) fn is_label(name: &str) -> bool {
    name.len() <= 63 && is_part(name)
}

/// A DNS subdomain (RFC 1123), as names of pods, nodes and most other objects are.
pub(in super::super) fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_part)
}

fn is_part(part: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !part.is_empty() && part.chars().all(inner) && !part.starts_with('-') && !part.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::{is_label, is_subdomain};

    #[test]
    fn a_name_that_would_change_the_request_is_refused() {
        for name in
            ["", "a/b", "../kube-system", "a?watch=true", "a%2fb", "Shop", "-a", "a-", "a..b", "a b", "ä"]
        {
            assert!(!is_label(name) && !is_subdomain(name), "{name:?}");
        }
        assert!(!is_label(&"a".repeat(64)) && !is_label("a.b"));
        assert!(is_label("shop-2") && is_subdomain("ip-10-0-0-1.eu.internal"));
    }
}

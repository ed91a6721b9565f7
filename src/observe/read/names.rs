//! What may stand in a URL as the name of an object.

use super::super::ReadError;
use super::super::cluster::is_label;

/// Lets a namespace and a name pass into a URL.
///
/// Most names are DNS subdomains; RBAC objects may also hold capitals and colons (`system:node`). What could change the
/// path or query is refused.
pub(super) fn check(namespace: Option<&str>, name: Option<&str>) -> Result<(), ReadError> {
    if let Some(namespace) = namespace.filter(|namespace| !is_label(namespace)) {
        return Err(ReadError::Request(format!("{namespace:?} cannot be the name of a namespace")));
    }
    match name {
        Some(name) if !is_path_part(name) => {
            Err(ReadError::Request(format!("{name:?} cannot be the name of an object")))
        }
        _ => Ok(()),
    }
}

fn is_path_part(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    !name.is_empty() && name.len() <= 253 && name.chars().all(allowed) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_name_that_would_change_the_request_is_refused() {
        for name in ["", ".", "..", "a/b", "a?b", "a%2fb", "a b", "ä", "a\n", "a#b"] {
            assert!(check(None, Some(name)).is_err(), "{name:?}");
        }
        for namespace in ["", "..", "a/b", "A", "a.b"] {
            assert!(check(Some(namespace), None).is_err(), "{namespace:?}");
        }
        assert!(check(Some("shop"), Some("system:node-1.eu_2")).is_ok());
    }
}

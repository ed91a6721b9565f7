//! What passages are filtered and counted by: `key=value` words, the same in every index.

use crate::Passage;

/// Stands for "not about a particular version" in the `k8s_version` facet.
pub(crate) const ANY_VERSION: &str = "any";

/// The minor versions of Kubernetes that a requirement is spelled out for.
const MINORS: std::ops::RangeInclusive<u32> = 16..=60;

/// The keys that every passage can be filtered by; labels of past incidents come on top.
pub const KEYS: [&str; 8] = ["source", "path", "category", "severity", "tag", "code", "alert", "k8s_version"];

/// All facets of a passage. Values are lower case except paths and sources.
pub(crate) fn of(passage: &Passage) -> Vec<String> {
    let about = &passage.attributes;
    let mut facets = vec![format!("source={}", passage.source), format!("path={}", passage.path)];
    facets.extend(about.category.map(|category| format!("category={}", category.name())));
    facets.extend(about.severity.map(|severity| format!("severity={}", severity.name())));
    for (key, values) in [("tag", &about.tags), ("code", &about.codes), ("alert", &about.alerts)] {
        facets.extend(values.iter().map(|value| normal(key, value)));
    }
    facets.extend(about.labels.iter().map(|(key, value)| normal(key, value)));
    facets.extend(versions(about.k8s_version.as_deref()).into_iter().map(|v| format!("k8s_version={v}")));
    facets
}

/// The facet as it is indexed and asked for.
pub(crate) fn normal(key: &str, value: &str) -> String {
    match key {
        "source" | "path" => format!("{key}={value}"),
        _ => format!("{}={}", key.to_lowercase(), value.trim().to_lowercase()),
    }
}

/// The minor versions that a requirement (`>=1.27`, `1.30`, `<1.25`, `1.27 - 1.29`, `1.27+`) covers; `any` for none or for
/// one that is not understood: a document is rather shown once too often than hidden.
fn versions(requirement: Option<&str>) -> Vec<String> {
    let any = || vec![ANY_VERSION.to_owned()];
    let Some(requirement) = requirement.map(str::trim).filter(|text| !text.is_empty()) else { return any() };
    let mut least = *MINORS.start();
    let mut most = *MINORS.end();
    if let Some((from, to)) = requirement.split_once(" - ") {
        let (Some(from), Some(to)) = (minor(from), minor(to)) else { return any() };
        (least, most) = (from, to);
    } else {
        for part in requirement.split([',', ' ']).filter(|part| !part.is_empty()) {
            let Some(number) =
                minor(part.trim_start_matches(['>', '<', '=', '~', '^', 'v', '+']).trim_end_matches('+'))
            else {
                return any();
            };
            match part {
                part if part.starts_with(">=") || part.ends_with('+') => least = least.max(number),
                part if part.starts_with('>') => least = least.max(number + 1),
                part if part.starts_with("<=") => most = most.min(number),
                part if part.starts_with('<') => most = most.min(number.saturating_sub(1)),
                _ => (least, most) = (least.max(number), most.min(number)),
            }
        }
    }
    (least.max(*MINORS.start())..=most.min(*MINORS.end())).map(|minor| format!("1.{minor}")).collect()
}

/// The minor version of `1.27`, `v1.27.3`.
fn minor(version: &str) -> Option<u32> {
    let mut parts = version.trim().trim_start_matches('v').split('.');
    if parts.next()? != "1" {
        return None;
    }
    let digits: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Whether this is a version of Kubernetes: `1.31`, `v1.31.2-gke.7`.
pub(crate) fn is_version(value: &str) -> bool {
    minor(value).is_some()
}

/// The version of a question in the facet's form: `v1.31.2` asks for `1.31`.
pub(crate) fn asked_version(value: &str) -> String {
    minor(value).map_or_else(|| value.to_owned(), |minor| format!("1.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::versions;

    #[test]
    fn a_requirement_is_spelled_out() {
        assert_eq!(versions(Some("1.30")), ["1.30"]);
        assert_eq!(versions(Some("1.27 - 1.29")), ["1.27", "1.28", "1.29"]);
        assert_eq!(versions(Some(">=1.28, <1.30")), ["1.28", "1.29"]);
        assert_eq!(versions(Some(">1.28 <=1.30")), ["1.29", "1.30"]);
        assert_eq!(versions(Some(">=1.27")).first().map(String::as_str), Some("1.27"));
        assert_eq!(versions(Some("1.27+")).len(), versions(Some(">=1.27")).len());
    }

    #[test]
    fn no_or_a_strange_requirement_covers_any_version() {
        for requirement in [None, Some(""), Some("latest"), Some("2.0"), Some(">=x")] {
            assert_eq!(versions(requirement), ["any"]);
        }
    }
}

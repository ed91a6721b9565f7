//! What could not be seen and matters for a diagnosis.

use super::index::Index;

/// Collectors without which "nothing found" means nothing.
const ESSENTIAL: [&str; 7] = ["pod", "event", "deployment", "replicaset", "statefulset", "node", "log"];

/// Collectors that matter where an alert is about requests or load.
const MEASURES: [&str; 3] = ["prometheus", "metric", "autoscaler"];

/// One sentence for each thing that matters and was out of sight.
pub(super) fn blind_spots(index: &Index<'_>) -> Vec<String> {
    let snapshot = index.snapshot;
    let about_load = snapshot.signals.iter().any(|signal| is_about_load(&signal.name));
    let matters = |collector: &str| {
        let collector: String = collector.to_ascii_lowercase().replace(['_', '-', ' '], "");
        let measured = about_load && MEASURES.iter().any(|word| collector.contains(word));
        // Who may do what matters only where somebody is refused.
        let rights = collector.starts_with("clusterrole");
        let essential = ESSENTIAL.iter().any(|word| collector.contains(word));
        measured || essential || (collector.contains("cluster") && !rights)
    };
    let gaps = snapshot.gaps.iter().filter(|gap| matters(&gap.collector));
    let mut blind: Vec<_> =
        gaps.map(|gap| super::mask::clean(&format!("{}: {}", gap.collector, gap.reason))).collect();
    if let (None, Some(subject)) = (&snapshot.focus, snapshot.scope.subject()) {
        blind.push(super::mask::clean(&format!(
            "{subject} was not found: it does not exist, or it could not be read"
        )));
    }
    blind.sort();
    blind.dedup();
    blind
}

fn is_about_load(alert: &str) -> bool {
    let alert = alert.to_ascii_lowercase();
    ["latency", "error", "5xx", "slow", "hpa", "autoscaler", "memory", "cpu", "throttl"]
        .iter()
        .any(|word| alert.contains(word))
}

//! How much a Plan could harm if it were wrong, as one number that policy can compare.

/// What the blast radius is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blast<'a> {
    /// Pods that the Plan touches.
    pub pods_affected: u32,
    /// Pods that the touched workloads have; 0 where unknown.
    pub total_pods: u32,
    /// The cluster's environment, as in the settings.
    pub environment: &'a str,
    /// The namespace of the most delicate target; empty for cluster-wide objects.
    pub namespace: &'a str,
}

/// The blast radius, 0 (nothing) to 1 (everything):
///
/// `environment × (0.7 × size + 0.3 × share) + delicate`, at most 1, where
/// - `size = pods / (pods + 10)`: grows with every pod and levels off (1 pod 0.09, 3 pods 0.23, 10 pods 0.5, 90 pods 0.9);
/// - `share`: touched pods of all pods of the workloads; 1 where the total is unknown;
/// - `environment`: 0.3 for development and test, 0.6 for staging, 1 for production and every name not known here;
/// - `delicate`: 0.3 in namespaces that carry the cluster itself (`kube-*`, `*-system`), else 0.
///
/// No pod touched and no delicate namespace gives 0. The weights are ours, to be tuned with outcomes.
#[must_use]
pub fn blast_radius(blast: Blast<'_>) -> f64 {
    let pods = f64::from(blast.pods_affected);
    let size = pods / (pods + 10.0);
    let share = match (blast.pods_affected, blast.total_pods) {
        (0, _) => 0.0,
        (_, 0) => 1.0,
        (_, total) => (pods / f64::from(total)).min(1.0),
    };
    let environment = match blast.environment.to_ascii_lowercase().as_str() {
        "development" | "dev" | "test" | "testing" | "demo" | "sandbox" => 0.3,
        "staging" | "stage" | "preproduction" | "qa" => 0.6,
        _ => 1.0,
    };
    let delicate = if is_delicate(blast.namespace) { 0.3 } else { 0.0 };
    (environment * 0.7_f64.mul_add(size, 0.3 * share) + delicate).clamp(0.0, 1.0)
}

/// Whether a namespace carries the cluster itself.
pub(super) fn is_delicate(namespace: &str) -> bool {
    namespace.starts_with("kube-") || namespace.ends_with("-system")
}

#[cfg(test)]
mod tests {
    use super::{Blast, blast_radius};

    fn radius(pods_affected: u32, total_pods: u32, environment: &str, namespace: &str) -> String {
        format!("{:.2}", blast_radius(Blast { pods_affected, total_pods, environment, namespace }))
    }

    #[test]
    fn the_radius_grows_with_pods_share_environment_and_delicacy() {
        assert_eq!(radius(0, 3, "production", ""), "0.00");
        assert_eq!(radius(1, 3, "production", "shop"), "0.16");
        assert_eq!(radius(3, 3, "production", "shop"), "0.46");
        assert_eq!(radius(3, 3, "staging", "shop"), "0.28");
        assert_eq!(radius(3, 3, "an unknown one", "shop"), "0.46");
        assert_eq!(radius(3, 0, "production", "kube-system"), "0.76");
        assert_eq!(radius(1000, 1000, "production", "istio-system"), "1.00");
    }
}

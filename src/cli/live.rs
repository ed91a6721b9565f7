//! Which live cluster a command reads: the configuration's, or the one that kubectl would.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use crate::incident::ObjectRef;
use crate::observe::Observer;
use crate::settings::{
    ClusterApi, ClusterSettings, DiagnosisSettings, Environment, ObserveSettings, Settings,
};

/// The configuration file that is read without being named.
const CONFIGURATION: &str = "kubewright.toml";

/// Which cluster.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct LiveArgs {
    /// The configuration file [default: ./kubewright.toml if it is there, else the kubeconfig alone]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The cluster's name in the configuration [default: its first]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Read this kubeconfig file instead of what the configuration says
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl LiveArgs {
    /// Prepares to read the cluster; `adjust` may change the limits.
    pub(super) async fn observer(
        &self,
        environment: &Environment,
        adjust: impl FnOnce(&mut ObserveSettings),
    ) -> anyhow::Result<Observer> {
        let (cluster, mut observe, _) = self.settings(environment)?;
        adjust(&mut observe);
        let observer = Observer::connect(&cluster, &observe).await;
        observer.with_context(|| format!("cannot read the cluster {}", cluster.name))
    }

    /// The folder of rules that the configuration names.
    pub(super) fn rules(&self, environment: &Environment) -> anyhow::Result<Option<PathBuf>> {
        let (_, _, diagnosis) = self.settings(environment)?;
        Ok(diagnosis.rules)
    }

    fn settings(
        &self,
        environment: &Environment,
    ) -> anyhow::Result<(ClusterSettings, ObserveSettings, DiagnosisSettings)> {
        let kubeconfig = || (self.kubeconfig(), ObserveSettings::default(), DiagnosisSettings::default());
        let there = || Some(PathBuf::from(CONFIGURATION)).filter(|path| path.is_file());
        if self.kubeconfig.is_some() || self.context.is_some() {
            return Ok(kubeconfig());
        }
        let Some(file) = self.config.clone().or_else(there) else {
            return Ok(kubeconfig());
        };
        let settings = Settings::load(&file, environment)?;
        let known: Vec<String> = settings.clusters.iter().map(|cluster| cluster.name.clone()).collect();
        let wanted =
            |cluster: &ClusterSettings| self.cluster.as_ref().is_none_or(|name| *name == cluster.name);
        match settings.clusters.into_iter().find(wanted) {
            Some(cluster) => Ok((cluster, settings.observe, settings.diagnosis)),
            None => bail!("{} has no such cluster; it has {}", file.display(), known.join(", ")),
        }
    }

    fn kubeconfig(&self) -> ClusterSettings {
        let name = self.cluster.clone().or_else(|| self.context.clone());
        ClusterSettings {
            name: name.unwrap_or_else(|| "kubeconfig".to_owned()),
            api: ClusterApi::Kubeconfig { path: self.kubeconfig.clone(), context: self.context.clone() },
            environment: "unknown".to_owned(),
            prometheus: None,
            loki: None,
        }
    }
}

/// Short names of kinds, as kubectl knows them.
const KINDS: [(&str, &str); 24] = [
    ("deployment", "Deployment"),
    ("deployments", "Deployment"),
    ("deploy", "Deployment"),
    ("statefulset", "StatefulSet"),
    ("statefulsets", "StatefulSet"),
    ("sts", "StatefulSet"),
    ("daemonset", "DaemonSet"),
    ("daemonsets", "DaemonSet"),
    ("ds", "DaemonSet"),
    ("job", "Job"),
    ("jobs", "Job"),
    ("cronjob", "CronJob"),
    ("cronjobs", "CronJob"),
    ("cj", "CronJob"),
    ("service", "Service"),
    ("services", "Service"),
    ("svc", "Service"),
    ("pod", "Pod"),
    ("pods", "Pod"),
    ("po", "Pod"),
    ("node", "Node"),
    ("nodes", "Node"),
    ("no", "Node"),
    ("hpa", "HorizontalPodAutoscaler"),
];

/// An object as people write it: `checkout`, `deploy/checkout`, `pod/checkout-1`, `node/node-1`. Without a kind it may be any
/// workload of that name.
pub(super) fn object(text: &str, namespace: &str) -> anyhow::Result<ObjectRef> {
    let (kind, name) = text.split_once('/').unwrap_or(("deployment", text));
    let lower = kind.to_ascii_lowercase();
    let Some((_, kind)) = KINDS.iter().find(|(short, _)| *short == lower) else {
        bail!(
            "\"{kind}\" is no kind of workload; write it like deployment/checkout, statefulset/db, pod/NAME or node/NAME"
        );
    };
    if name.is_empty() || name.contains('/') {
        bail!("\"{text}\" names no object; write it like deployment/checkout");
    }
    Ok(if *kind == "Node" {
        ObjectRef::cluster_wide(*kind, name)
    } else {
        ObjectRef::new(*kind, namespace, name)
    })
}

#[cfg(test)]
mod tests {
    use super::object;
    use crate::incident::ObjectRef;

    #[test]
    fn objects_are_written_as_for_kubectl() {
        let cases = [
            ("checkout", ObjectRef::new("Deployment", "shop", "checkout")),
            ("sts/db", ObjectRef::new("StatefulSet", "shop", "db")),
            ("Pod/a-1", ObjectRef::new("Pod", "shop", "a-1")),
            ("node/n1", ObjectRef::cluster_wide("Node", "n1")),
        ];
        for (text, expected) in cases {
            assert_eq!(object(text, "shop").unwrap(), expected);
        }
        for wrong in ["thing/x", "deploy/", "a/b/c"] {
            assert!(object(wrong, "shop").is_err(), "{wrong}");
        }
    }
}

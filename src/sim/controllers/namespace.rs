//! What every namespace gets: the default service account, the cluster's CA bundle, a phase.

use serde_json::json;

use crate::sim::kinds::{CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS};
use crate::sim::objects::meta;
use crate::sim::world::{World, fields};

const CA_BUNDLE: &str = "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n";

pub(super) fn reconcile(world: &World) {
    for namespace in world.all(&NAMESPACES) {
        if meta::is_terminating(&namespace) {
            continue;
        }
        if fields::text(&namespace, "/status/phase").is_empty() {
            world.modify(&NAMESPACES, &namespace, |ns| fields::set(ns, "/status/phase", "Active".into()));
        }
        let name = meta::name(&namespace);
        let account = json!({"metadata": {"name": "default", "namespace": name}});
        let bundle = json!({"metadata": {"name": "kube-root-ca.crt", "namespace": name}, "data": {"ca.crt": CA_BUNDLE}});
        for (kind, object) in [(&SERVICE_ACCOUNTS, account), (&CONFIG_MAPS, bundle)] {
            if world.store.get_shared(kind, name, meta::name(&object)).is_none()
                && let Err(error) = world.store.create(kind, object)
            {
                tracing::debug!(%error, "a namespace was not furnished");
            }
        }
    }
}

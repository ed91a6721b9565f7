//! Whether everything is well: open incidents, then a fresh look at the namespaces, whether or not anything has alerted.

use super::Composer;
use super::draft::prose;
use super::subject::{NAMESPACE, Origin, is_workload};
use crate::incident::ObjectRef;

/// Namespaces that are looked at for one question; further ones are named.
const MOST: usize = 5;

/// What only Kubernetes itself runs in comes last.
const SYSTEM: &str = "kube-";

impl Composer<'_> {
    /// What is going on: in what the question names, else in all that may be read.
    pub(super) async fn overview(&mut self) -> anyhow::Result<()> {
        let named = self.named().await;
        let asked: &[ObjectRef] = if named.origin == Origin::Earlier { &[] } else { &named.subjects };
        if asked.iter().any(|object| object.kind != NAMESPACE) {
            return self.diagnose(asked).await;
        }
        if self.unknown_names(&named) {
            return Ok(());
        }
        if asked.is_empty() && self.about.is_some() {
            return self.tell_incident(None).await;
        }
        self.list_incidents(asked).await?;
        let places = if asked.is_empty() { self.namespaces() } else { asked.to_vec() };
        if places.is_empty() {
            self.draft.say("The cluster itself could not be looked at.");
        }
        let mut well = Vec::new();
        for place in places.iter().take(MOST) {
            let Some(look) = self.look(place).await else { continue };
            if look.is_healthy() {
                well.push(prose(&place.name));
            } else {
                self.tell(place, &look).await;
            }
        }
        if !well.is_empty() {
            let (all, one) = (well.join(", "), well.len() == 1);
            let noun = if one { "Namespace" } else { "Namespaces" };
            let verb = if one { "looks" } else { "look" };
            self.draft.say(format!(
                "{noun} {all} {verb} healthy: objects, events, logs and metrics were read, and no analyzer found \
                 anything abnormal."
            ));
        }
        let further = places.iter().skip(MOST).map(|place| prose(&place.name));
        self.draft.list("Not looked at; name one of them in your question to have it looked at:", further);
        Ok(())
    }

    /// The namespaces in which something runs and that may be read, those of Kubernetes itself last.
    fn namespaces(&self) -> Vec<ObjectRef> {
        let runs = |name: &str| {
            let objects = &self.directory.objects;
            objects.iter().any(|one| one.namespace == name && (is_workload(&one.kind) || one.kind == "Pod"))
        };
        let all = self.directory.objects.iter().filter(|object| object.kind == NAMESPACE);
        let mut found: Vec<ObjectRef> =
            all.filter(|object| self.permits(&object.name) && runs(&object.name)).cloned().collect();
        found.sort_by_key(|object| object.name.starts_with(SYSTEM));
        found
    }
}

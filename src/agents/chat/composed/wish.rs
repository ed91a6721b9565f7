//! Wishes to change something. Chat changes nothing, and says so, with what would do it by hand.

use super::Composer;
use super::subject::is_workload;
use crate::incident::ObjectRef;

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// New pods.
    Restart,
    /// Another number of pods.
    Scale(Option<u32>),
    /// The revision before.
    Undo,
    /// Anything else.
    Other,
}

/// Verbs of other changes, as somebody begins who wants them made.
const VERBS: &[&str] = &[
    "apply",
    "cordon",
    "decrease",
    "delete",
    "deploy",
    "downgrade",
    "drain",
    "drop",
    "edit",
    "evict",
    "increase",
    "kill",
    "lower",
    "move",
    "patch",
    "raise",
    "reboot",
    "redeploy",
    "remove",
    "resize",
    "set",
    "start",
    "stop",
    "uncordon",
    "update",
    "upgrade",
];

/// Words before the verb that only make it polite.
const POLITE: &[&str] = &[
    "can", "could", "would", "will", "you", "please", "now", "go", "and", "then", "just", "i", "want", "to",
    "let", "us", "kubectl", "rollout", "have",
];

/// What the words of a question wish for; `None` where they ask.
pub(super) fn wish(words: &[&str]) -> Option<Wish> {
    let mut rest = words.iter().skip_while(|word| POLITE.contains(*word));
    let verb = rest.next()?;
    let next = rest.next();
    match *verb {
        "restart" => Some(Wish::Restart),
        "scale" => Some(Wish::Scale(words.iter().rev().find_map(|word| word.parse().ok()))),
        "rollback" | "undo" | "revert" => Some(Wish::Undo),
        "roll" if next == Some(&"back") => Some(Wish::Undo),
        verb if VERBS.contains(&verb) && next.is_some() => Some(Wish::Other),
        _ => None,
    }
}

impl Wish {
    /// The command that does it to a workload.
    fn command(self, workload: &ObjectRef) -> Option<String> {
        if !["Deployment", "StatefulSet", "DaemonSet"].contains(&workload.kind.as_str()) {
            return None;
        }
        let (kind, name) = (workload.kind.to_lowercase(), &workload.name);
        let place = format!("{kind}/{name} -n {}", workload.namespace);
        match self {
            Self::Restart => Some(format!("kubectl rollout restart {place}")),
            Self::Scale(Some(replicas)) => Some(format!("kubectl scale {place} --replicas={replicas}")),
            Self::Undo => Some(format!("kubectl rollout undo {place}")),
            Self::Scale(None) | Self::Other => None,
        }
    }
}

impl Composer<'_> {
    /// Says that chat changes nothing, how it would be done, and which incidents are about it.
    pub(super) async fn answer_wish(&mut self, wish: Wish) -> anyhow::Result<()> {
        self.draft.say(
            "Chat changes nothing in a cluster, and nothing was changed. A repair is the plan of an incident: policy \
             judges it, a person approves it where that is asked for (`kubewright approvals list`), and only then is it \
             made and verified.",
        );
        let named = self.named().await;
        if self.unknown_names(&named) {
            return Ok(());
        }
        let workloads = named.subjects.iter().filter(|object| is_workload(&object.kind));
        let commands = workloads.filter_map(|workload| wish.command(workload));
        let commands: Vec<String> = commands.map(|command| format!("`{command}`")).collect();
        self.draft.list("By hand it would be:", commands);
        for subject in named.subjects.iter().take(1) {
            self.tell_open_incidents(subject).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(question: &str) -> Option<Wish> {
        wish(&question.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn who_begins_with_a_verb_wants_it_done_and_others_ask() {
        assert_eq!(read("restart deployment checkout please"), Some(Wish::Restart));
        assert_eq!(read("could you please scale cart to 5"), Some(Wish::Scale(Some(5))));
        assert_eq!(read("roll back checkout"), Some(Wish::Undo));
        assert_eq!(read("delete pod checkout-1"), Some(Wish::Other));
        for asked in
            ["why did checkout restart", "how do i restart it", "is a restart needed", "can you see it", ""]
        {
            assert_eq!(read(asked), None, "{asked}");
        }
    }

    #[test]
    fn the_command_names_what_there_is() {
        let cart = ObjectRef::new("Deployment", "shop", "cart");
        let command = Wish::Scale(Some(5)).command(&cart);
        assert_eq!(command.as_deref(), Some("kubectl scale deployment/cart -n shop --replicas=5"));
        assert_eq!(Wish::Restart.command(&ObjectRef::cluster_wide("Node", "a")), None);
    }
}

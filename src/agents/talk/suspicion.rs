//! What looked like instructions in what was read for a conversation: it taints the turn that read it and all that follow.

use std::collections::BTreeSet;

use crate::agents::chat::ChatTurn;
use crate::agents::progress::RunEvent;
use crate::agents::run::PATIENCE;
use crate::egress::Session;
use crate::store::Suspicious;

/// Taints the turn with what the turns before it have read.
pub(super) fn inherit(turn: &ChatTurn, session: &Session) {
    for Suspicious { rule, source } in earlier(turn) {
        session.inherit(rule, source);
    }
}

/// Says what looked like instructions in what was read for this turn.
pub(super) async fn say(turn: &ChatTurn, session: &Session) {
    let flags = session.flags().into_iter();
    let found: BTreeSet<_> = flags.map(|flag| Suspicious { rule: flag.rule, source: flag.source }).collect();
    let earlier = earlier(turn);
    for one in found.into_iter().filter(|one| !earlier.contains(one)) {
        let Suspicious { rule, source } = &one;
        let text = format!(
            "Something that was read looks like instructions to a model and was taken as data: {rule} in {source}."
        );
        turn.progress.say(RunEvent::Notice { text, suspicious: Some(one) }, PATIENCE).await;
    }
}

fn earlier(turn: &ChatTurn) -> BTreeSet<&Suspicious> {
    turn.messages.iter().flat_map(|message| &message.suspicious).collect()
}

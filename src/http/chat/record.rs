//! Keeping what was said in a conversation.

use super::turn::Heard;
use crate::agents::chat::{ChatAnswer, ChatError};
use crate::agents::progress::Cited;
use crate::store::{About, ConversationId, Link, Saying, Speaker, Store};

/// Where an answer is kept.
pub(super) struct Record {
    pub(super) store: Store,
    pub(super) conversation: ConversationId,
}

impl Record {
    /// Keeps the answer, or what was said of it before it broke off. What cannot be kept was still said: it is logged.
    pub(super) async fn keep(&self, heard: &Heard, result: &Result<ChatAnswer, ChatError>) {
        let said = saying(heard, result);
        if said.text.is_empty() {
            return;
        }
        match self.store.add_messages(&self.conversation, &[said]).await {
            Ok(true) => {}
            Ok(false) => tracing::debug!(conversation = %self.conversation, "removed while it was answered"),
            Err(error) => {
                tracing::error!(%error, conversation = %self.conversation, "an answer could not be kept");
            }
        }
    }
}

fn saying(heard: &Heard, result: &Result<ChatAnswer, ChatError>) -> Saying {
    let citations = heard.cited.iter().map(link).collect();
    let suspicious = heard.suspicious.clone();
    let (text, about) = match result {
        Ok(answer) => {
            let finish = Some(super::openai::finish_reason(answer.finish).to_owned());
            let (input_tokens, output_tokens) = (answer.input_tokens, answer.output_tokens);
            let model = answer.model.clone();
            (answer.text.clone(), About { model, finish, citations, suspicious, input_tokens, output_tokens })
        }
        Err(error) => {
            let finish = if matches!(error, ChatError::Cancelled) { "cancelled" } else { "failed" };
            (
                heard.text.clone(),
                About { finish: Some(finish.to_owned()), citations, suspicious, ..About::default() },
            )
        }
    };
    Saying { speaker: Speaker::Assistant, text, about }
}

pub(super) fn link(cited: &Cited) -> Link {
    Link { mark: cited.mark.clone(), title: cited.title.clone(), uri: cited.uri.clone() }
}

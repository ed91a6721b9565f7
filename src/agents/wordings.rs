//! Other wordings of a question for the search in documents.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::BoxFuture;
use rig_core::message::Message;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::model::{Ask, Chain};
use super::prompt::Prompt;
use super::roster::LIBRARIAN;
use super::run::{Keeping, Record, Records, Task};
use crate::egress::Egress;
use crate::recall::Reword;
use crate::store::{MessageDetail, RunKind, RunState, Store};

/// How long the model may think; a search does not wait longer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Three wordings are short.
const ANSWER_TOKENS: u64 = 200;

/// The longest question that is reworded, bytes. A longer one is a log, and says enough.
const LONGEST: usize = 2_000;

/// Asks a model for other wordings.
pub(super) struct Wordings {
    pub(super) chain: Chain,
    pub(super) prompt: Prompt,
    pub(super) egress: Egress,
    pub(super) store: Store,
}

impl Reword for Wordings {
    fn reword<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            if question.len() > LONGEST {
                return Vec::new();
            }
            match self.ask(question).await {
                Ok(text) => wordings(&text),
                Err(error) => {
                    tracing::debug!(%error, "a question was not reworded");
                    Vec::new()
                }
            }
        })
    }
}

impl Wordings {
    async fn ask(&self, question: &str) -> Result<String, super::model::ModelError> {
        let session = self.egress.session();
        let values = BTreeMap::from([
            ("fence", session.preamble()),
            ("question", session.untrusted("question", question)),
        ]);
        let first = Message::user(self.prompt.fill(&values));
        let task = Task { agent: LIBRARIAN, prompt: &self.prompt.hash, question, cycle: 0 };
        let records = Records::of(self.store.clone(), RunKind::Wordings);
        let mut keeping = Keeping::begin(&records, &task, &session, &[&first]);
        let mut record = Record::begin();
        let ask = Ask {
            messages: vec![first],
            max_tokens: Some(ANSWER_TOKENS),
            temperature: Some(0.0),
            ..Ask::default()
        };
        let deadline = Instant::now() + DEADLINE;
        let cancel = CancellationToken::new();
        let answer = self.chain.ask(&ask, &mut |_| {}, &cancel, deadline).await;
        let (state, outcome) = match &answer {
            Ok(answer) => {
                record.book(answer);
                keeping.note(&answer.message, MessageDetail::default(), &session);
                (RunState::Finished, wordings(&answer.text).join("; "))
            }
            Err(error) => (RunState::Failed, error.to_string()),
        };
        keeping.finish(&record, &session, state, &outcome).await;
        Ok(answer?.text)
    }
}

/// One wording a line, without the marks of a list.
fn wordings(text: &str) -> Vec<String> {
    let unmarked = |line: &str| {
        let line = line.trim().trim_start_matches(|c: char| c.is_ascii_digit() || ".)-*• \"".contains(c));
        line.trim_end_matches('"').trim().to_owned()
    };
    text.lines().map(unmarked).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::wordings;

    #[test]
    fn the_marks_of_lists_are_taken_off() {
        let text = "1. container OOMKilled exit code 137\n- \"memory limit exceeded\"\n\npod evicted";
        assert_eq!(
            wordings(text),
            ["container OOMKilled exit code 137", "memory limit exceeded", "pod evicted"]
        );
    }
}

//! Other wordings of a question for the search in documents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rig_core::message::Message;
use tokio_util::sync::CancellationToken;

use super::budget::{Books, Budget};
use super::model::{Ask, Chain, ModelError, Spent};
use super::prompt::Prompt;
use super::roster::LIBRARIAN;
use super::run::{Keeping, Record, Records, Task};
use crate::egress::Egress;
use crate::incident::Incident;
use crate::recall::Reword;
use crate::settings::{Quotas, RunLimits};
use crate::store::{MessageDetail, RunKind, RunState, Store};

/// Three wordings are short.
const ANSWER_TOKENS: u64 = 200;

/// The longest question that is reworded, bytes. A longer one is a log, and says enough.
const LONGEST: usize = 2_000;

/// Asks a model for other wordings.
pub(super) struct Wordings {
    pub(super) chain: Chain,
    pub(super) prompt: Prompt,
    pub(super) egress: Egress,
    /// Of one question.
    pub(super) limits: RunLimits,
    /// Where it is kept and booked; outside of a server nowhere.
    pub(super) store: Option<Store>,
    pub(super) quotas: Arc<Quotas>,
}

impl Reword for Wordings {
    fn reword<'a>(
        &'a self,
        question: &'a str,
        about: Option<&'a Incident>,
        patience: Duration,
    ) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            if question.len() > LONGEST {
                return Vec::new();
            }
            match self.ask(question, self.budget(about, patience)).await {
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
    fn budget(&self, about: Option<&Incident>, patience: Duration) -> Budget {
        let tenant = self.quotas.tenant(about.and_then(|incident| incident.namespace.as_deref())).to_owned();
        let about = about.map(|incident| incident.id.clone());
        let books = self.store.clone().map(|store| Books::new(store, self.quotas.clone(), tenant, about));
        Budget::begin(RunLimits { deadline: patience, ..self.limits }, books)
    }

    /// Dropping it ends the call; what was used until then is still booked.
    async fn ask(&self, question: &str, budget: Budget) -> Result<String, ModelError> {
        let session = self.egress.session();
        let values = BTreeMap::from([
            ("fence", session.preamble()),
            ("question", session.untrusted("question", question)),
        ]);
        let first = Message::user(self.prompt.fill(&values));
        let task = Task { agent: LIBRARIAN, prompt: &self.prompt.hash, question, cycle: 0 };
        let records = self.store.clone().map(|store| Records::of(store, RunKind::Wordings));
        let mut keeping = records.map(|records| Keeping::begin(&records, &task, &session, &[&first]));
        let mut record = Record::begin();
        let ask = Ask {
            messages: vec![first],
            max_tokens: Some(ANSWER_TOKENS),
            temperature: Some(0.0),
            ..Ask::default()
        };
        let cancel = CancellationToken::new();
        let _ends_with_the_search = cancel.clone().drop_guard();
        let chain = self.chain.clone();
        // A task of its own: also of a search that nobody waits for any more it is noted what it has used.
        let asking = tokio::spawn(async move {
            let mut spent = Spent::default();
            let answer = chain.ask_within(&ask, &mut |_| {}, &cancel, &budget, &mut spent).await;
            let (state, outcome) = match &answer {
                Ok(answer) => {
                    record.book(answer);
                    if let Some(keeping) = &mut keeping {
                        keeping.note(&answer.message, MessageDetail::default(), &session);
                    }
                    (RunState::Finished, wordings(&answer.text).join("; "))
                }
                Err(ModelError::Cancelled) => (RunState::Cancelled, "nobody waits for it".to_owned()),
                Err(error) => (RunState::Failed, error.to_string()),
            };
            if let Some(mut keeping) = keeping {
                keeping.finish(&record, &session, state, &outcome).await;
            }
            answer
        });
        Ok(asking.await.map_err(|_| ModelError::Cancelled)??.text)
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

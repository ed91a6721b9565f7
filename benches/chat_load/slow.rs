//! What takes the model's place: it says the time, slowly.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use kubewright::agents::chat::{ChatAnswer, ChatError, ChatTurn, Finish, Talk};
use kubewright::agents::progress::RunEvent;

/// Words of one answer.
pub(crate) const WORDS: usize = 100;

/// Between two words: as fast as a quick model, so that 200 chats say 10,000 words a second.
const PAUSE: Duration = Duration::from_millis(20);

const PATIENCE: Duration = Duration::from_secs(30);

/// Microseconds since the first call in this process.
pub(crate) fn now() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Says the time once every [`PAUSE`].
pub(crate) struct Slow;

impl Slow {
    async fn say(turn: ChatTurn) -> Result<ChatAnswer, ChatError> {
        let mut text = String::new();
        for _ in 0..WORDS {
            tokio::time::sleep(PAUSE).await;
            let word = format!("{} ", now());
            text.push_str(&word);
            turn.progress.say(RunEvent::Text { text: word }, PATIENCE).await;
        }
        Ok(ChatAnswer {
            text,
            finish: Finish::Stop,
            input_tokens: 10,
            output_tokens: u64::try_from(WORDS).unwrap_or(0),
            model: Some("slow".to_owned()),
        })
    }
}

impl Talk for Slow {
    fn talk(&self, turn: ChatTurn) -> BoxFuture<'_, Result<ChatAnswer, ChatError>> {
        Self::say(turn).boxed()
    }
}

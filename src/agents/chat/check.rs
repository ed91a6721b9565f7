//! Whether a turn can be meant: what clients send is checked before anything is read or asked.

use super::{ChatError, ChatTurn, Role};
use crate::agents::NAMES;

/// Most messages of a conversation that are taken.
pub const MOST_MESSAGES: usize = 256;

/// Most text of a conversation that is taken, bytes, all messages together.
pub const MOST_BYTES: usize = 256 * 1024;

/// Most stop texts, and the longest, bytes.
const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 1_000;

/// Checks everything that can be told from the turn alone.
pub(super) fn check(turn: &ChatTurn) -> Result<(), ChatError> {
    if !NAMES.contains(&turn.agent.as_str()) {
        return Err(ChatError::UnknownAgent(turn.agent.chars().take(80).collect()));
    }
    let bytes: usize = turn.messages.iter().map(|message| message.text.len()).sum();
    let wrong = if turn.messages.len() > MOST_MESSAGES {
        format!("there are {} messages; at most {MOST_MESSAGES} are taken", turn.messages.len())
    } else if bytes > MOST_BYTES {
        format!("the messages have {bytes} bytes; at most {MOST_BYTES} are taken")
    } else if !ends_with_a_question(turn) {
        "the last message must be the user's, and say something".to_owned()
    } else if turn.stop.len() > MOST_STOPS {
        format!("there are {} stop texts; at most {MOST_STOPS} are taken", turn.stop.len())
    } else if turn.stop.iter().any(|stop| stop.is_empty() || stop.len() > LONGEST_STOP) {
        format!("a stop text must have 1 to {LONGEST_STOP} bytes")
    } else if turn.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        "temperature must be from 0 to 2".to_owned()
    } else if turn.max_tokens == Some(0) {
        "the answer must be allowed at least one token".to_owned()
    } else {
        return Ok(());
    };
    Err(ChatError::Invalid(wrong))
}

fn ends_with_a_question(turn: &ChatTurn) -> bool {
    turn.messages.last().is_some_and(|last| last.role == Role::User && !last.text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::agents::chat::ChatMessage;
    use crate::agents::progress::Progress;
    use crate::agents::tools::Access;

    fn turn(messages: &[(Role, &str)]) -> ChatTurn {
        ChatTurn {
            agent: "orchestrator".to_owned(),
            messages: messages.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect(),
            about: None,
            conversation: None,
            cluster: None,
            access: Access::Everything,
            stop: Vec::new(),
            max_tokens: None,
            temperature: None,
            progress: Progress::none(),
            cancel: CancellationToken::new(),
        }
    }

    fn refusal(turn: &ChatTurn) -> String {
        check(turn).unwrap_err().to_string()
    }

    #[test]
    fn a_conversation_must_end_with_a_question() {
        assert!(check(&turn(&[(Role::System, "be brief"), (Role::User, "why?")])).is_ok());
        for messages in [
            &[][..],
            &[(Role::User, "a"), (Role::Assistant, "b")],
            &[(Role::System, "a")],
            &[(Role::User, " \n")],
        ] {
            assert!(refusal(&turn(messages)).contains("last message"), "{messages:?}");
        }
    }

    #[test]
    fn sizes_are_limited_to_the_last_byte() {
        let whole = "x".repeat(MOST_BYTES);
        assert!(check(&turn(&[(Role::User, &whole)])).is_ok());
        assert!(refusal(&turn(&[(Role::User, &whole), (Role::User, "y")])).contains("bytes"));
        let many = vec![(Role::User, "x"); MOST_MESSAGES + 1];
        assert!(refusal(&turn(&many)).contains("messages"));
        assert!(check(&turn(&many[1..])).is_ok());
    }

    #[test]
    fn knobs_out_of_range_are_refused() {
        let asked = || turn(&[(Role::User, "why?")]);
        assert!(refusal(&ChatTurn { temperature: Some(f64::NAN), ..asked() }).contains("temperature"));
        assert!(refusal(&ChatTurn { temperature: Some(2.1), ..asked() }).contains("temperature"));
        assert!(refusal(&ChatTurn { max_tokens: Some(0), ..asked() }).contains("token"));
        assert!(refusal(&ChatTurn { stop: vec![String::new()], ..asked() }).contains("stop"));
        assert!(refusal(&ChatTurn { stop: vec!["x".to_owned(); 17], ..asked() }).contains("stop"));
    }

    #[test]
    fn an_agent_that_does_not_exist_is_named_in_short() {
        let asked = ChatTurn { agent: "x".repeat(10_000), ..turn(&[(Role::User, "why?")]) };
        assert!(matches!(check(&asked), Err(ChatError::UnknownAgent(name)) if name.len() == 80));
    }
}

//! Reading server-sent events, as far as our own server sends them.

/// Longest event that is read, bytes; a diagnosis with all its evidence is far smaller.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ServerEvent {
    /// Its place in the stream; empty where it has none.
    pub(super) id: String,
    /// Its kind.
    pub(super) event: String,
    /// Its content.
    pub(super) data: String,
}

/// An event that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server sent an event of more than {MAX_EVENT_BYTES} bytes")]
pub(super) struct TooLarge;

/// Puts events together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    line: Vec<u8>,
    event: ServerEvent,
}

impl Decoder {
    /// Takes in the next piece and gives the events that it completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Vec<ServerEvent>, TooLarge> {
        let mut complete = Vec::new();
        for byte in piece {
            if *byte == b'\n' {
                complete.extend(self.end_line());
            } else {
                self.line.push(*byte);
            }
            if self.line.len() + self.event.data.len() > MAX_EVENT_BYTES {
                return Err(TooLarge);
            }
        }
        Ok(complete)
    }

    /// Handles one whole line; the empty one ends the event.
    fn end_line(&mut self) -> Option<ServerEvent> {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        if text.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments keep the connection alive; other fields mean nothing to us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, ServerEvent};

    #[test]
    fn events_are_put_together_from_any_pieces() {
        let stream =
            ":\n\nid: 3\nevent: observed\ndata: {\"seq\":3}\n\n: alive\n\nevent: end\r\ndata: {}\r\n\r\n";
        let mut decoder = Decoder::default();
        let bytes = stream.as_bytes().chunks(3);
        let events: Vec<ServerEvent> = bytes.flat_map(|piece| decoder.push(piece).unwrap()).collect();
        let event = |id: &str, event: &str, data: &str| ServerEvent {
            id: id.to_owned(),
            event: event.to_owned(),
            data: data.to_owned(),
        };
        assert_eq!(events, [event("3", "observed", "{\"seq\":3}"), event("", "end", "{}")]);
    }

    #[test]
    fn garbage_is_no_event_and_no_panic() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"\xff\xfe\x00garbage\n\n\n::::\n\n").unwrap(), []);
    }
}

//! What is typed into a chat: a question, or a command that begins with a slash.

/// What a line of input means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing was typed.
    Nothing,
    /// A question.
    Question(String),
    /// `/help`
    Help,
    /// `/incidents`
    Incidents,
    /// `/incident ID`; without one: about none any more.
    Incident(Option<String>),
    /// `/agent NAME`; without one: the orchestrator.
    Agent(Option<String>),
    /// `/new`
    New,
    /// `/conversations`
    Conversations,
    /// `/resume ID`
    Resume(String),
    /// `/quit`
    Quit,
    /// A command that does not exist, or is not complete; what to say about it.
    Wrong(String),
}

/// What `/help` shows.
pub(super) const HELP: &str = "\
/incidents        open incidents
/incident ID      talk about this incident; without ID about none
/agent NAME       ask one of: orchestrator, diagnostic, remediation, security,
                  performance, learning
/new              begin a new conversation
/conversations    conversations that are kept
/resume ID        go on with one of them
/quit             leave, like Ctrl-D
";

impl Input {
    /// Reads a line.
    pub(super) fn read(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Nothing;
        }
        let Some(command) = line.strip_prefix('/') else { return Self::Question(line.to_owned()) };
        let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let argument = Some(argument.trim().to_owned()).filter(|argument| !argument.is_empty());
        match (name, argument) {
            ("help" | "?", _) => Self::Help,
            ("incidents", _) => Self::Incidents,
            ("incident", id) => Self::Incident(id),
            ("agent", name) => Self::Agent(name),
            ("new", _) => Self::New,
            ("conversations", _) => Self::Conversations,
            ("resume", Some(id)) => Self::Resume(id),
            ("resume", None) => Self::Wrong("say which: /resume ID; /conversations lists them".to_owned()),
            ("quit" | "exit" | "q", _) => Self::Quit,
            (other, _) => {
                let other: String = other.chars().take(40).collect();
                Self::Wrong(format!("there is no command /{other}; /help lists those that there are"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn lines_are_questions_or_commands() {
        let id = || Some("inc-7h2k".to_owned());
        for (line, expected) in [
            ("  ", Input::Nothing),
            (" why? ", Input::Question("why?".to_owned())),
            ("/incident inc-7h2k", Input::Incident(id())),
            ("/incident", Input::Incident(None)),
            ("/agent security ", Input::Agent(Some("security".to_owned()))),
            ("/quit now", Input::Quit),
            ("/help", Input::Help),
            ("/resume cnv-1", Input::Resume("cnv-1".to_owned())),
        ] {
            assert_eq!(Input::read(line), expected, "{line}");
        }
        for wrong in ["/", "/sing", "/resume", "/\u{1b}[2J"] {
            assert!(matches!(Input::read(wrong), Input::Wrong(_)), "{wrong:?}");
        }
    }
}

//! Lines from a terminal, with history and editing; from a pipe, just lines.

use std::path::PathBuf;

use anyhow::Context;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::{mpsc, oneshot};

use crate::settings::Environment;

/// Most lines of history that are kept.
const HISTORY: usize = 1_000;

/// Where lines are asked for. They are read by a thread of its own, because reading a terminal cannot be interrupted: the
/// program must be able to end without it.
pub(super) struct Lines {
    asked: mpsc::Sender<(String, oneshot::Sender<anyhow::Result<Option<String>>>)>,
}

impl Lines {
    /// Prepares to read lines.
    pub(super) fn open(environment: &Environment) -> anyhow::Result<Self> {
        let config = rustyline::Config::builder().auto_add_history(true).max_history_size(HISTORY)?.build();
        let mut editor = DefaultEditor::with_config(config).context("the terminal cannot be read")?;
        let history = history(environment);
        if let Some(file) = &history {
            // There is none yet, or it cannot be read: then there is no history.
            let _ = editor.load_history(file);
        }
        let (asked, mut waiting) =
            mpsc::channel::<(String, oneshot::Sender<anyhow::Result<Option<String>>>)>(1);
        std::thread::spawn(move || {
            while let Some((prompt, answer)) = waiting.blocking_recv() {
                let line = read(&mut editor, &prompt);
                if let Some(file) = &history {
                    let _ = editor.save_history(file);
                }
                let _ = answer.send(line);
            }
        });
        Ok(Self { asked })
    }

    /// The next line; `None` at the end of the input.
    pub(super) async fn next(&self, prompt: String) -> anyhow::Result<Option<String>> {
        let (answer, answered) = oneshot::channel();
        let gone = "the terminal is not read any more";
        self.asked.send((prompt, answer)).await.map_err(|_| anyhow::anyhow!(gone))?;
        answered.await.context(gone)?
    }
}

fn read(editor: &mut DefaultEditor, prompt: &str) -> anyhow::Result<Option<String>> {
    loop {
        match editor.readline(prompt) {
            Ok(line) => return Ok(Some(line)),
            // Ctrl-C drops the line, as in a shell.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(None),
            Err(error) => return Err(anyhow::Error::from(error).context("the terminal cannot be read")),
        }
    }
}

/// Where history is kept; `None` where there is no home. The folder is made for its owner only: questions can be telling.
fn history(environment: &Environment) -> Option<PathBuf> {
    let state = environment.get("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || environment.get("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = state.or_else(home)?.join("kubewright");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).ok()?;
    Some(folder.join("chat_history"))
}

#[cfg(test)]
mod tests {
    use super::{Environment, history};

    #[test]
    fn history_is_kept_below_the_state_folder_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::from([("HOME".to_owned(), home.path().display().to_string())]);
        let file = history(&environment).unwrap();
        assert_eq!(file, home.path().join(".local/state/kubewright/chat_history"));
        let mode = std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(history(&Environment::new()), None);
    }
}

//! PDFs in a process of their own: their parser may overflow its stack, run out of memory or never end, and none of it
//! can be stopped within this process.
//!
//! The worker reads one PDF on standard input and writes one answer on standard output. It gets no environment, limits
//! its own memory and processor time, and is killed at the deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{io, thread};

use serde::{Deserialize, Serialize};

use super::{guarded, pdf};
use crate::Document;

/// Memory that a worker may write to, bytes. The largest PDF that is read unpacks to half a gigabyte.
const MEMORY: u64 = 2 << 30;
/// Most of an answer that is read, bytes: more text than any book has.
const ANSWER: u64 = 64 << 20;
/// Longest first line of a question, bytes.
const HEADER: u64 = 64 << 10;
/// Longest refusal that is passed on, characters.
const REFUSAL: usize = 300;

const BROKEN: &str = "broke its parser: convert it to text or Markdown";

/// The program that reads a PDF: one that calls [`serve_pdf`] on its standard input and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdfWorker {
    /// The program.
    pub program: PathBuf,
    /// What makes it a worker.
    pub arguments: Vec<String>,
}

/// The first line of a question; the PDF follows.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The document's name.
    path: String,
    /// Deadline, s.
    seconds: u64,
}

/// Reads a PDF in a worker.
///
/// # Errors
/// A sentence: why it is refused, as the worker says, or that the worker broke, overran or could not be started.
pub(super) fn read(
    worker: &PdfWorker,
    path: &str,
    bytes: &[u8],
    deadline: Duration,
) -> Result<Document, String> {
    let header = Header { path: path.to_owned(), seconds: deadline.as_secs().saturating_add(1) };
    let mut question = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    question.push(b'\n');
    let unstarted =
        |error: io::Error| format!("could not be read, its parser could not be started ({error}): try again");
    match ask(worker, &[&question, bytes], deadline).map_err(unstarted)? {
        None => Err(format!("takes longer than {} s to read: split it", deadline.as_secs())),
        Some(answer) if answer.len() as u64 > ANSWER => {
            Err(format!("has more than {} MB of text: split it", ANSWER >> 20))
        }
        Some(answer) => {
            let answer = serde_json::from_slice::<Result<Document, String>>(&answer);
            let refusal =
                |text: String| text.chars().filter(|char| !char.is_control()).take(REFUSAL).collect();
            answer.map_err(|_| BROKEN.to_owned())?.map_err(refusal)
        }
    }
}

/// The bytes that a worker answers; `None` where it has not ended by then. It never outlives this call.
fn ask(worker: &PdfWorker, question: &[&[u8]], deadline: Duration) -> io::Result<Option<Vec<u8>>> {
    let mut child = Command::new(&worker.program)
        .args(&worker.arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (sender, answered) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        let talking = talk(scope, &mut child, question, sender);
        let answer = talking.map(|()| answered.recv_timeout(deadline).ok());
        // With the process, its ends of the pipes go, and both threads end.
        let killed = child.kill().and_then(|()| child.wait());
        tracing::debug!(status = ?killed, "a parser of PDFs has ended");
        answer
    })
}

/// One thread writes the question, one reads the answer: either pipe may be full.
fn talk<'scope, 'env>(
    scope: &'scope thread::Scope<'scope, 'env>,
    child: &mut Child,
    question: &'env [&'env [u8]],
    sender: mpsc::SyncSender<Vec<u8>>,
) -> io::Result<()> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let write = move || {
        let Some(mut input) = input else { return };
        // A worker that has ended early has said why, or is broken; either shows in its answer.
        let _ = question.iter().try_for_each(|part| input.write_all(part));
    };
    let read = move || {
        let mut answer = Vec::new();
        if let Some(output) = output {
            // What broke off is no valid answer.
            let _ = output.take(ANSWER + 1).read_to_end(&mut answer);
        }
        // Nobody waits past the deadline.
        let _ = sender.send(answer);
    };
    thread::Builder::new().name("pdf question".to_owned()).spawn_scoped(scope, write)?;
    thread::Builder::new().name("pdf answer".to_owned()).spawn_scoped(scope, read)?;
    Ok(())
}

/// What a worker does: reads one PDF from `input` and writes its text, or why there is none, to `output`. Limits memory
/// and processor time of the whole process first, so nothing else should happen in it.
///
/// # Errors
/// When `input` is no question, or `output` cannot be written.
pub fn serve_pdf(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut input = BufReader::new(input);
    let mut header = Vec::new();
    input.by_ref().take(HEADER).read_until(b'\n', &mut header)?;
    let Header { path, seconds } = serde_json::from_slice(&header)?;
    limit(rlimit::Resource::CPU, seconds)?;
    limit(rlimit::Resource::DATA, MEMORY)?;
    limit(rlimit::Resource::CORE, 0)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    // On a thread of its own for the size of its stack, and so that a panic is an answer.
    let read = guarded::run(Duration::from_secs(seconds), move || pdf::read(&path, &bytes));
    let read = read.and_then(|read| read);
    serde_json::to_writer(&mut output, &read)?;
    output.flush()
}

/// Lowers a limit of this process; one that is lower already stays.
fn limit(resource: rlimit::Resource, most: u64) -> io::Result<()> {
    let (_, hard) = rlimit::getrlimit(resource)?;
    let most = most.min(hard);
    rlimit::setrlimit(resource, most, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lines;
    use crate::document::{Block, BlockKind};

    const LONG: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> PdfWorker {
        PdfWorker { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()] }
    }

    fn document() -> Document {
        let block = Block {
            kind: BlockKind::Prose,
            text: "It's text.".to_owned(),
            headings: Vec::new(),
            lines: Lines::new(1, 2),
        };
        Document { title: "A book".to_owned(), blocks: vec![block], ..Document::default() }
    }

    #[test]
    fn the_document_or_the_refusal_of_a_worker_is_passed_on() {
        for answer in [Ok(document()), Err("is a broken PDF".to_owned())] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("answer");
            std::fs::write(&file, serde_json::to_vec(&answer).unwrap()).unwrap();
            let worker = shell(&format!("cat >/dev/null; cat '{}'", file.display()));
            // More than any pipe holds.
            assert_eq!(read(&worker, "a.pdf", &vec![b'x'; 1 << 20], LONG), answer);
        }
    }

    #[test]
    fn a_worker_that_crashes_speaks_nonsense_or_reads_nothing_is_a_broken_parser() {
        for script in ["kill -ABRT $$", "kill -SEGV $$", "exit 3", "echo '{\"Ok\":{\"title\":'", "exec <&-"] {
            let refused = read(&shell(script), "a.pdf", &vec![b'x'; 1 << 20], LONG);
            assert_eq!(refused, Err(BROKEN.to_owned()), "{script}");
        }
    }

    #[test]
    fn a_worker_that_never_ends_is_killed_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let worker = shell(&format!("echo $$ >'{}'; exec sleep 1000", file.display()));
        let late = read(&worker, "a.pdf", &vec![b'x'; 1 << 20], Duration::from_secs(1));
        assert_eq!(late, Err("takes longer than 1 s to read: split it".to_owned()));
        let pid = std::fs::read_to_string(file).unwrap();
        assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the process is gone");
    }

    #[test]
    fn a_worker_that_says_too_much_is_cut_off() {
        let endless = read(&shell("yes"), "a.pdf", b"%PDF", LONG);
        assert_eq!(endless, Err("has more than 64 MB of text: split it".to_owned()));
    }

    #[test]
    fn a_worker_that_is_not_there_is_named() {
        let worker = PdfWorker { program: "/nonexistent/worker".into(), arguments: Vec::new() };
        let refused = read(&worker, "a.pdf", b"%PDF", LONG).unwrap_err();
        assert!(refused.contains("its parser could not be started (No such file"), "{refused}");
    }
}

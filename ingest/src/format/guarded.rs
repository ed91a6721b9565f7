//! Runs a parser where its panics, its recursion and its slowness hurt nobody.

use std::{
    cell::Cell,
    panic,
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

/// Stack of a parser's thread, bytes. Reserved, not touched: pages count only once they are used.
const STACK: usize = 64 << 20;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread of its own with a large stack, and waits for it until `deadline`. A thread that overruns
/// cannot be stopped; it goes on unheard until its work ends, so formats bound their input as well.
///
/// # Errors
/// A sentence: the work panicked, overran, or could not be started.
pub(super) fn run<T: Send + 'static>(
    deadline: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    silence_parser_threads();
    let (sender, receiver) = mpsc::sync_channel(1);
    let parser = move || {
        QUIET.set(true);
        let outcome = panic::catch_unwind(panic::AssertUnwindSafe(work));
        // The other side is gone when the deadline has passed.
        drop(sender.send(outcome));
    };
    thread::Builder::new()
        .name("parser".to_owned())
        .stack_size(STACK)
        .spawn(parser)
        .map_err(|error| format!("could not be read, no thread for its parser ({error}): try again"))?;
    match receiver.recv_timeout(deadline) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err("broke its parser: convert it to text or Markdown".to_owned()),
        Err(_) => Err(format!("takes longer than {} s to read: split it", deadline.as_secs())),
    }
}

/// Keeps the panic messages of parser threads off the terminal. Every other thread's go where they went before.
fn silence_parser_threads() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.try_with(Cell::get).unwrap_or(false) {
                previous(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_sentence() {
        let broken: Result<(), _> = run(Duration::from_secs(60), || panic!("at the parser"));
        assert_eq!(broken, Err("broke its parser: convert it to text or Markdown".to_owned()));
    }

    #[test]
    fn work_past_its_deadline_is_not_waited_for() {
        let (release, held) = mpsc::channel::<()>();
        let late = run(Duration::ZERO, move || held.recv().is_ok());
        assert_eq!(late, Err("takes longer than 0 s to read: split it".to_owned()));
        drop(release);
    }

    #[test]
    fn deep_recursion_has_room() {
        fn depth(left: u32) -> u32 {
            let frame = std::hint::black_box([left; 64]);
            if left == 0 { 0 } else { 1 + depth(left - 1) + frame.first().map_or(0, |_| 0) }
        }
        assert_eq!(run(Duration::from_secs(60), || depth(30_000)), Ok(30_000));
    }
}

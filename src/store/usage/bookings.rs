//! Booking what calls use. Many ask at the same time, and a durable commit costs the same for one as for hundreds: whoever
//! gets the turn to write takes all that wait.

use std::mem;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::super::{Store, StoreError, within_deadline};
use super::sums::{Change, Sums};
use super::{Account, Ceiling, Reserved, Usage};

/// What waits to be booked.
#[derive(Debug, Default)]
pub(in crate::store) struct Bookings {
    waiting: Mutex<Vec<Booking>>,
    /// Transactions under way.
    tasks: TaskTracker,
}

type Answer = oneshot::Sender<Result<Reserved, StoreError>>;

/// One thing to book.
#[derive(Debug)]
struct Booking {
    account: Account,
    change: Change,
    /// Limits that the change has to fit under; empty for what has happened already.
    ceilings: Vec<Ceiling>,
    /// What is asked for, where it has to fit.
    wanted: Usage,
    answer: Option<Answer>,
}

impl Bookings {
    fn push(&self, booking: Booking) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(booking);
    }

    fn take(&self) -> Vec<Booking> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until what was asked for is written.
    pub(in crate::store) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Store {
    /// Books `wanted` for a call that is about to be made, if it fits under all of `ceilings`. On `Yes` it is on disk,
    /// also if this process dies.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is known of what was used, so nothing may be.
    pub async fn reserve_usage(
        &self,
        account: &Account,
        ceilings: &[Ceiling],
        wanted: &Usage,
    ) -> Result<Reserved, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.book(Booking {
            account: account.clone(),
            change: Change::of(wanted),
            ceilings: ceilings.to_vec(),
            wanted: *wanted,
            answer: Some(answer),
        });
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Puts what a call has really used in the place of what was reserved for it. Returns at once: what was reserved is on
    /// disk, and is more; [`Store::close`] waits for it. Where it cannot be written, what was reserved stays booked.
    pub fn settle_usage(&self, account: &Account, reserved: &Usage, used: &Usage) {
        let change = Change::of(used).and(Change::of(reserved).back());
        let (account, wanted) = (account.clone(), Usage::default());
        self.book(Booking { account, change, ceilings: Vec::new(), wanted, answer: None });
    }

    fn book(&self, booking: Booking) {
        self.inner.bookings.push(booking);
        // A task of its own: whoever asked may be dropped, and others wait for the same transaction.
        let store = self.clone();
        self.inner.bookings.tasks.spawn(async move { store.write_bookings().await });
    }

    /// Books all that wait.
    async fn write_bookings(&self) {
        let Ok(_turn) = self.turn().await else { return drop(self.inner.bookings.take()) };
        loop {
            let batch = self.inner.bookings.take();
            if batch.is_empty() {
                return;
            }
            let written = within_deadline(self.transact(&batch)).await;
            if let Err(error) = &written {
                tracing::error!(%error, "what models use cannot be booked; what was reserved stays booked");
            }
            let mut verdicts = written.as_ref().ok().into_iter().flatten();
            for booking in batch {
                let verdict = match &written {
                    Ok(_) => verdicts.next().copied().ok_or(StoreError::Closed),
                    Err(error) => Err(error.clone()),
                };
                self.answer(booking, verdict);
            }
        }
    }

    fn answer(&self, booking: Booking, verdict: Result<Reserved, StoreError>) {
        let given = matches!(verdict, Ok(Reserved::Yes { .. }));
        let Some(answer) = booking.answer else { return };
        let is_reservation = !booking.ceilings.is_empty();
        if answer.send(verdict).is_err() && given && is_reservation {
            // Nobody will make that call.
            let change = booking.change.back();
            self.inner.bookings.push(Booking { change, ceilings: Vec::new(), answer: None, ..booking });
        }
    }

    async fn transact(&self, batch: &[Booking]) -> Result<Vec<Reserved>, StoreError> {
        let engine = &self.inner.engine;
        let mut transaction = self.inner.writers.begin_with(engine.begin()).await?;
        engine.serialize_bookings(&mut transaction).await?;
        let mut sums = Sums::default();
        let mut verdicts = Vec::with_capacity(batch.len());
        for booking in batch {
            let verdict = verdict(&mut sums, &mut transaction, booking).await?;
            if matches!(verdict, Reserved::Yes { .. }) {
                sums.change(&booking.account, booking.change);
            }
            verdicts.push(verdict);
        }
        sums.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(verdicts)
    }
}

async fn verdict(
    sums: &mut Sums,
    connection: &mut sqlx::AnyConnection,
    booking: &Booking,
) -> Result<Reserved, StoreError> {
    let mut millis_left: Option<u64> = None;
    for ceiling in &booking.ceilings {
        let used = sums.used(connection, ceiling.scope, &booking.account).await?;
        if let Some(overrun) = ceiling.overrun(&used, &booking.wanted) {
            return Ok(Reserved::No(overrun));
        }
        let left = ceiling.millis_left(&used);
        millis_left = left.into_iter().chain(millis_left).min();
    }
    Ok(Reserved::Yes { millis_left })
}

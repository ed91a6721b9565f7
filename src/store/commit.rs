//! Moving an incident: its state and the events that moved it, in one transaction.

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::held::{self, Held};
use super::sql::micros;
use super::{ActError, CommitError, Store, StoreError, snapshot, within_deadline};
use crate::incident::{Event, Incident, IncidentId, TransitionError};
use crate::observe::Snapshot;

/// What is saved along with the events.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// When the incident is due next; `None`: what [`Incident::wake_at`] says.
    pub wake_at: Option<Timestamp>,
    /// The look at the world that the events come from; it replaces the one before.
    pub snapshot: Option<Snapshot>,
}

impl Store {
    /// Applies `events` to the incident as it is now (alerts may have arrived since it was claimed) and saves the new
    /// state, the events and the Snapshot together. What follows from the new state by itself is applied too: the
    /// returned incident may be closed. The lease stays with `owner`.
    ///
    /// # Errors
    /// [`CommitError::LeaseLost`] and [`CommitError::Transition`] mean that the world has moved on: claim again.
    pub async fn commit(
        &self,
        id: &IncidentId,
        owner: &str,
        events: Vec<Event>,
        with: Commit,
    ) -> Result<Incident, CommitError> {
        let incident = within_deadline(self.try_commit(id, owner, events, with)).await?;
        self.announce(id);
        Ok(incident)
    }

    async fn try_commit(
        &self,
        id: &IncidentId,
        owner: &str,
        events: Vec<Event>,
        with: Commit,
    ) -> Result<Incident, CommitError> {
        let _turn = self.turn().await?;
        let mut transaction = self.inner.writers.begin_with(self.inner.engine.begin()).await?;
        let now = Timestamp::now();
        let mut held =
            self.hold(&mut transaction, id).await?.ok_or_else(|| CommitError::NotFound(id.clone()))?;
        if !holds_lease(&held, owner, now) {
            return Err(CommitError::LeaseLost(id.clone()));
        }
        advance(&mut held, events, now)?;
        if held.incident.is_open() {
            held.wake_at = with.wake_at.or_else(|| held.incident.wake_at(now)).map(micros);
        }
        held::save(&mut transaction, &[&held]).await?;
        if let Some(snapshot) = &with.snapshot {
            snapshot::save(&mut transaction, id, snapshot).await?;
        }
        transaction.commit().await?;
        Ok(held.incident)
    }

    /// Lets a person move an incident, whoever holds it: `decide` sees it as it is now and answers with events or with
    /// a refusal. The incident is due at once afterwards, so that whatever waited for the person goes on.
    ///
    /// # Errors
    /// [`ActError::Refused`] is the refusal of `decide`.
    pub async fn act<R>(
        &self,
        id: &IncidentId,
        decide: impl FnOnce(&Incident) -> Result<Vec<Event>, R>,
    ) -> Result<Incident, ActError<R>> {
        let incident = within_deadline(self.try_act(id, decide)).await?;
        self.announce(id);
        Ok(incident)
    }

    async fn try_act<R>(
        &self,
        id: &IncidentId,
        decide: impl FnOnce(&Incident) -> Result<Vec<Event>, R>,
    ) -> Result<Incident, ActError<R>> {
        let _turn = self.turn().await?;
        let mut transaction = self.inner.writers.begin_with(self.inner.engine.begin()).await?;
        let now = Timestamp::now();
        let mut held =
            self.hold(&mut transaction, id).await?.ok_or_else(|| ActError::NotFound(id.clone()))?;
        let events = decide(&held.incident).map_err(ActError::Refused)?;
        let moved = !events.is_empty();
        advance(&mut held, events, now)?;
        if held.incident.is_open() && moved {
            held.wake_at = Some(micros(now));
        }
        held::save(&mut transaction, &[&held]).await?;
        transaction.commit().await?;
        Ok(held.incident)
    }

    async fn hold(
        &self,
        connection: &mut AnyConnection,
        id: &IncidentId,
    ) -> Result<Option<Held>, StoreError> {
        Ok(held::load(connection, &self.inner.engine, &[id]).await?.pop())
    }
}

fn holds_lease(held: &Held, owner: &str, now: Timestamp) -> bool {
    held.lease_owner.as_deref() == Some(owner) && held.lease_until.is_some_and(|until| until > micros(now))
}

fn advance(held: &mut Held, events: Vec<Event>, now: Timestamp) -> Result<(), TransitionError> {
    for event in events {
        held.apply(event, now)?;
    }
    held.settle(now)
}

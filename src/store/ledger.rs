//! Taking alerts in, inside one transaction: read what is known, route each one, write what has changed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::engine::Engine;
use super::episodes::{EpisodeKey, Kept};
use super::held::{self, Held};
use super::sql::{key, micros, timestamp};
use super::{Received, StoreError, episodes};
use crate::incident::{Event, IncidentId, Signal, SignalState};
use crate::intake::{Current, Episode, Known, OpenIncident, Route, correlate};

/// Most alerts that are routed at once; bounds how many incidents are in memory.
const CHUNK: usize = 256;

/// Everything that bears on one chunk of alerts.
struct Ledger {
    now: Timestamp,
    window: Duration,
    episodes: HashMap<EpisodeKey, Kept>,
    /// Of each alert, the newest episode that belongs to an incident.
    newest: HashMap<String, (i64, IncidentId)>,
    /// Of each correlation key, the newest open incident.
    open: HashMap<String, IncidentId>,
    held: BTreeMap<IncidentId, Held>,
}

/// Routes `signals` in order and writes the result. The answers are in the same order.
pub(super) async fn receive(
    connection: &mut AnyConnection,
    engine: &Engine,
    signals: &[Signal],
    now: Timestamp,
    window: Duration,
) -> Result<Vec<Received>, StoreError> {
    engine.serialize_intake(connection).await?;
    let mut received = Vec::with_capacity(signals.len());
    for chunk in signals.chunks(CHUNK) {
        let mut ledger = Ledger::read(connection, engine, chunk, now, window).await?;
        for signal in chunk {
            received.push(ledger.take(signal)?);
        }
        ledger.write(connection, chunk).await?;
    }
    Ok(received)
}

impl Ledger {
    async fn read(
        connection: &mut AnyConnection,
        engine: &Engine,
        chunk: &[Signal],
        now: Timestamp,
        window: Duration,
    ) -> Result<Self, StoreError> {
        let episodes = episodes::read(connection, &distinct(chunk.iter().map(episode_key))).await?;
        let news: Vec<&Signal> = chunk.iter().filter(|signal| !is_repeat(&episodes, signal)).collect();
        let fingerprints = distinct(news.iter().map(|signal| key(&signal.fingerprint.0)));
        let newest = episodes::newest(connection, &fingerprints).await?;
        let keys = distinct(news.iter().map(|signal| correlation_key(signal)));
        let open = episodes::open_incidents(connection, &keys).await?;
        let ids: Vec<&IncidentId> = newest.values().map(|(_, id)| id).chain(open.values()).collect();
        let held = held::load(connection, engine, &ids).await?;
        let held = held.into_iter().map(|held| (held.incident.id.clone(), held)).collect();
        Ok(Self { now, window, episodes, newest, open, held })
    }

    /// Routes one alert and moves the incidents in memory.
    fn take(&mut self, signal: &Signal) -> Result<Received, StoreError> {
        let route = correlate(signal, &self.known(signal)?, self.now, self.window);
        let received = match route {
            Route::Open => self.open(signal),
            Route::Attach(id) => {
                let event = Event::SignalAttached { signal: Box::new(signal.clone()) };
                self.apply(&id, event)?;
                Received::Attached(id)
            }
            Route::Resolve(id) => {
                self.apply(&id, Event::SignalResolved { fingerprint: signal.fingerprint.clone() })?;
                Received::Resolved(id)
            }
            Route::Repeat(id) => Received::Repeated(id),
            Route::Remember => Received::Ignored,
        };
        self.keep(signal, received.incident());
        Ok(received)
    }

    fn known(&self, signal: &Signal) -> Result<Known, StoreError> {
        let episode = self
            .episodes
            .get(&episode_key(signal))
            .map(|kept| Episode { incident: kept.incident.clone(), state: kept.state });
        let current = match self.newest.get(&key(&signal.fingerprint.0)) {
            Some((starts_at, id)) if self.is_open(id) => {
                Some(Current { starts_at: timestamp(*starts_at, "start of an alert")?, incident: id.clone() })
            }
            _ => None,
        };
        let neighbour = match self.open.get(&correlation_key(signal)).and_then(|id| self.held.get(id)) {
            Some(held) if held.incident.is_open() => Some(OpenIncident {
                id: held.incident.id.clone(),
                phase: held.incident.phase,
                last_signal_at: timestamp(held.last_signal_at, "time of the last alert")?,
            }),
            _ => None,
        };
        Ok(Known { episode, current, neighbour })
    }

    fn is_open(&self, id: &IncidentId) -> bool {
        self.held.get(id).is_some_and(|held| held.incident.is_open())
    }

    fn open(&mut self, signal: &Signal) -> Received {
        let held = Held::open(signal.clone(), self.now);
        let id = held.incident.id.clone();
        self.open.insert(correlation_key(signal), id.clone());
        self.held.insert(id.clone(), held);
        Received::Opened(id)
    }

    fn apply(&mut self, id: &IncidentId, event: Event) -> Result<(), StoreError> {
        let Some(held) = self.held.get_mut(id) else {
            return Err(StoreError::Corrupt { what: format!("incident {id}") });
        };
        if matches!(event, Event::SignalAttached { .. }) {
            held.last_signal_at = micros(self.now);
        }
        held.apply(event, self.now)?;
        held.settle(self.now)?;
        Ok(())
    }

    /// Counts the delivery and remembers the episode. What has resolved stays resolved.
    fn keep(&mut self, signal: &Signal, incident: Option<&IncidentId>) {
        let name = episode_key(signal);
        if let Some(id) = incident {
            let newest = self.newest.entry(name.0.clone()).or_insert_with(|| (name.1, id.clone()));
            if newest.0 <= name.1 {
                *newest = (name.1, id.clone());
            }
        }
        let kept = self.episodes.entry(name).or_insert_with(|| Kept {
            incident: incident.cloned(),
            state: signal.state,
            deliveries: 0,
            received_at: micros(self.now),
        });
        kept.deliveries += 1;
        if signal.state == SignalState::Resolved {
            kept.state = SignalState::Resolved;
        }
    }

    async fn write(&self, connection: &mut AnyConnection, chunk: &[Signal]) -> Result<(), StoreError> {
        held::save(connection, &self.held.values().collect::<Vec<_>>()).await?;
        let touched = distinct(chunk.iter().map(episode_key));
        let rows: Vec<(&EpisodeKey, &Kept)> =
            touched.iter().filter_map(|name| Some((name, self.episodes.get(name)?))).collect();
        episodes::write(connection, &rows, self.now).await
    }
}

/// Whether a delivery tells nothing new whatever the incidents look like, so that none has to be loaded for it.
fn is_repeat(episodes: &HashMap<EpisodeKey, Kept>, signal: &Signal) -> bool {
    episodes
        .get(&episode_key(signal))
        .is_some_and(|kept| signal.state == SignalState::Firing || kept.state == SignalState::Resolved)
}

fn episode_key(signal: &Signal) -> EpisodeKey {
    (key(&signal.fingerprint.0), micros(signal.starts_at))
}

fn correlation_key(signal: &Signal) -> String {
    key(&signal.scope.correlation_key())
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

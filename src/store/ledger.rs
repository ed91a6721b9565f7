//! Taking alerts in, inside one transaction: read what is known, route each one, write what has changed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::engine::Engine;
use super::held::{self, Held};
use super::sql::{key, micros, strides, timestamp, tuples};
use super::{Received, StoreError};
use crate::incident::{Event, IncidentId, Signal, SignalState};
use crate::intake::{Current, Episode, Known, OpenIncident, Route, correlate};

/// Most alerts that are routed at once; bounds how many incidents are in memory.
const CHUNK: usize = 256;

const FIRING: &str = "firing";
const RESOLVED: &str = "resolved";

/// Names an episode in the tables: bounded fingerprint, start in microseconds.
type EpisodeKey = (String, i64);

/// An episode as it is, and whether it has to be written.
#[derive(Debug, Clone)]
struct Kept {
    incident: Option<IncidentId>,
    state: SignalState,
    deliveries: i64,
    received_at: i64,
}

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
        let (episodes, newest) = (HashMap::new(), HashMap::new());
        let mut ledger = Self { now, window, episodes, newest, open: HashMap::new(), held: BTreeMap::new() };
        let mut asked: Vec<EpisodeKey> = chunk.iter().map(episode_key).collect();
        asked.sort_unstable();
        asked.dedup();
        for piece in strides(&asked) {
            ledger.read_episodes(connection, piece).await?;
        }
        let news: Vec<&Signal> = chunk.iter().filter(|signal| !ledger.is_repeat(signal)).collect();
        ledger.read_newest(connection, &news).await?;
        ledger.read_open(connection, &news).await?;
        let ids: Vec<&IncidentId> =
            ledger.newest.values().map(|(_, id)| id).chain(ledger.open.values()).collect();
        let held = held::load(connection, engine, &ids).await?;
        ledger.held = held.into_iter().map(|held| (held.incident.id.clone(), held)).collect();
        Ok(ledger)
    }

    /// Whether the delivery tells nothing new whatever the incidents look like, so that none has to be loaded.
    fn is_repeat(&self, signal: &Signal) -> bool {
        self.episodes
            .get(&episode_key(signal))
            .is_some_and(|kept| signal.state == SignalState::Firing || kept.state == SignalState::Resolved)
    }

    async fn read_episodes(
        &mut self,
        connection: &mut AnyConnection,
        asked: &[EpisodeKey],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "WITH asked (fingerprint, starts_at) AS (VALUES {}) \
             SELECT s.fingerprint, s.starts_at, s.incident_id, s.last_state, s.deliveries, s.received_at \
             FROM asked JOIN signals s ON s.fingerprint = asked.fingerprint AND s.starts_at = asked.starts_at",
            tuples(2, asked.len())
        );
        let mut query =
            sqlx::query_as::<sqlx::Any, (String, i64, Option<String>, String, i64, i64)>(AssertSqlSafe(sql));
        for (fingerprint, starts_at) in asked {
            query = query.bind(fingerprint.as_str()).bind(*starts_at);
        }
        for (fingerprint, starts_at, incident, state, deliveries, received_at) in
            query.fetch_all(connection).await?
        {
            let incident = incident.map(IncidentId::from_text);
            let state = if state == FIRING { SignalState::Firing } else { SignalState::Resolved };
            let kept = Kept { incident, state, deliveries, received_at };
            self.episodes.insert((fingerprint, starts_at), kept);
        }
        Ok(())
    }

    async fn read_newest(
        &mut self,
        connection: &mut AnyConnection,
        news: &[&Signal],
    ) -> Result<(), StoreError> {
        let fingerprints = distinct(news.iter().map(|signal| key(&signal.fingerprint.0)));
        for piece in strides(&fingerprints) {
            let sql = format!(
                "WITH asked (fingerprint) AS (VALUES {}), newest AS MATERIALIZED (SELECT fingerprint, (SELECT \
                 MAX(starts_at) FROM signals x WHERE x.fingerprint = asked.fingerprint AND x.incident_id IS NOT \
                 NULL) AS starts_at FROM asked) SELECT s.fingerprint, s.starts_at, s.incident_id FROM newest \
                 JOIN signals s ON s.fingerprint = newest.fingerprint AND s.starts_at = newest.starts_at",
                tuples(1, piece.len())
            );
            let mut query = sqlx::query_as::<sqlx::Any, (String, i64, String)>(AssertSqlSafe(sql));
            for fingerprint in piece {
                query = query.bind(fingerprint.as_str());
            }
            for (fingerprint, starts_at, incident) in query.fetch_all(&mut *connection).await? {
                self.newest.insert(fingerprint, (starts_at, IncidentId::from_text(incident)));
            }
        }
        Ok(())
    }

    async fn read_open(
        &mut self,
        connection: &mut AnyConnection,
        news: &[&Signal],
    ) -> Result<(), StoreError> {
        let keys = distinct(news.iter().map(|signal| correlation_key(signal)));
        for piece in strides(&keys) {
            let sql = format!(
                "SELECT correlation_key, id FROM incidents WHERE closed_at IS NULL AND correlation_key IN {} \
                 ORDER BY opened_at, id",
                tuples(piece.len(), 1)
            );
            let mut query = sqlx::query_as::<sqlx::Any, (String, String)>(AssertSqlSafe(sql));
            for key in piece {
                query = query.bind(key.as_str());
            }
            let rows = query.fetch_all(&mut *connection).await?;
            self.open.extend(rows.into_iter().map(|(key, id)| (key, IncidentId::from_text(id))));
        }
        Ok(())
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
        for piece in strides(&rows) {
            self.write_episodes(connection, piece).await?;
        }
        Ok(())
    }

    async fn write_episodes(
        &self,
        connection: &mut AnyConnection,
        piece: &[(&EpisodeKey, &Kept)],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "INSERT INTO signals (fingerprint, starts_at, incident_id, last_state, deliveries, received_at, \
             delivered_at) VALUES {} ON CONFLICT (fingerprint, starts_at) DO UPDATE SET \
             last_state = excluded.last_state, deliveries = excluded.deliveries, \
             delivered_at = excluded.delivered_at",
            tuples(7, piece.len())
        );
        let mut query = sqlx::query::<sqlx::Any>(AssertSqlSafe(sql));
        for ((fingerprint, starts_at), kept) in piece {
            let state = if kept.state == SignalState::Firing { FIRING } else { RESOLVED };
            query = query
                .bind(fingerprint.as_str())
                .bind(*starts_at)
                .bind(kept.incident.as_ref().map(IncidentId::as_str))
                .bind(state)
                .bind(kept.deliveries)
                .bind(kept.received_at)
                .bind(micros(self.now));
        }
        query.execute(connection).await?;
        Ok(())
    }
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

//! A lock that holds across machines: one object in the store that holds the truth, written by conditional requests.
//!
//! Whoever writes has put its own token into the object and renews it from time to time. Whoever else wants to write looks
//! at the object: if it changes, its holder lives; if it has not changed for the whole expiry, its holder is gone and the
//! lock is taken over. Only spans of time are measured, each on one machine: clocks need not agree. A holder that cannot
//! renew in time gives up before anybody else may take over.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, PutMode, UpdateVersion};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::slip::{Seen, Slip, is_refused};
use crate::KnowledgeError;

/// Where the lock object is.
#[derive(Clone)]
pub(in crate::base) struct Place {
    /// The store.
    pub(in crate::base) store: Arc<dyn ObjectStore>,
    /// The object.
    pub(in crate::base) path: Path,
    /// What people call it.
    pub(in crate::base) name: String,
}

/// How often a lease is renewed, and when it has ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::base) struct Times {
    /// Between two renewals.
    pub(in crate::base) renew: Duration,
    /// Without a renewal for so long, others take over. The holder gives up after two thirds of it.
    pub(in crate::base) expiry: Duration,
    /// Between two looks at a lock that somebody else holds.
    pub(in crate::base) look: Duration,
}

impl Times {
    /// A crashed writer keeps the others out for half a minute; whether one lives is known after five seconds.
    pub(in crate::base) const DEFAULT: Self = Self {
        renew: Duration::from_secs(5),
        expiry: Duration::from_secs(30),
        look: Duration::from_millis(500),
    };

    fn patience(&self) -> Duration {
        self.expiry * 2 / 3
    }
}

/// Held while writing. Renewed by a task of its own, which gives it back when this is released or dropped.
pub(in crate::base) struct Lease {
    lost: oneshot::Receiver<String>,
    stop: CancellationToken,
    renewing: JoinHandle<()>,
    place: String,
}

impl Lease {
    /// Takes the lock. Waits for a lock that nobody renews to expire, and no longer.
    ///
    /// # Errors
    /// [`KnowledgeError::Busy`] while another writer lives; others when the store cannot be used for a lock.
    pub(in crate::base) async fn take(place: &Place, times: Times) -> anyhow::Result<Self> {
        let slip = Slip { token: token(), writer: writer(), renewed: 0 };
        let mode = free(place, times).await?;
        let started = Instant::now();
        let version = match slip.put(&*place.store, &place.path, mode.clone()).await {
            Ok(version) => version,
            Err(error) if is_refused(&error) => own(place, &slip).await?,
            Err(error) => return Err(unusable(place, error)),
        };
        must_obey(place, &slip, mode).await?;
        let (tell, lost) = oneshot::channel();
        let stop = CancellationToken::new();
        let renewal = Renewal { place: place.clone(), times, slip, version, renewed_at: started };
        let renewing = tokio::spawn(renewal.run(stop.clone(), tell));
        Ok(Self { lost, stop, renewing, place: place.name.clone() })
    }

    /// Returns when the lock is no longer ours; as long as it is, never.
    pub(in crate::base) async fn lost(&mut self) -> KnowledgeError {
        let why = (&mut self.lost).await.unwrap_or_else(|_| "it is renewed no longer".to_owned());
        KnowledgeError::LockLost { place: self.place.clone(), why }
    }

    /// Gives the lock back and waits until that is done.
    pub(in crate::base) async fn release(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.renewing).await {
            tracing::warn!(%error, place = self.place, "the writer's lock was not given back; it expires by itself");
        }
    }

    /// As if the process had been killed.
    #[cfg(test)]
    pub(super) async fn crash(mut self) {
        self.renewing.abort();
        let _ = (&mut self.renewing).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Waits until the lock can be taken, and says on which condition.
async fn free(place: &Place, times: Times) -> anyhow::Result<PutMode> {
    let mut watched: Option<(Instant, UpdateVersion)> = None;
    loop {
        let seen = Slip::read(&*place.store, &place.path).await.map_err(|error| unusable(place, error))?;
        let Some(Seen { slip, version }) = seen else { return Ok(PutMode::Create) };
        if slip.is_free() {
            return Ok(PutMode::Update(version));
        }
        match &watched {
            None => watched = Some((Instant::now(), version)),
            Some((_, first)) if *first != version => return Err(busy(place, &slip)),
            Some((since, _)) if since.elapsed() >= times.expiry => {
                tracing::warn!(
                    place = place.name,
                    writer = slip.writer,
                    "the last writer has not given its lock back and does not renew it; it is taken over"
                );
                return Ok(PutMode::Update(version));
            }
            Some(_) => {}
        }
        sleep(times.look).await;
    }
}

/// The version of the lock object if it is ours although the store has refused it: an answer was lost on the way and the
/// request was sent twice.
async fn own(place: &Place, slip: &Slip) -> anyhow::Result<UpdateVersion> {
    let seen = Slip::read(&*place.store, &place.path).await.map_err(|error| unusable(place, error))?;
    match seen {
        Some(seen) if seen.slip.token == slip.token => Ok(seen.version),
        Some(seen) => Err(busy(place, &seen.slip)),
        None => Err(busy(place, &Slip::default())),
    }
}

/// The same request once more must be refused. A store that takes it cannot keep writers apart.
async fn must_obey(place: &Place, slip: &Slip, mode: PutMode) -> anyhow::Result<()> {
    match slip.put(&*place.store, &place.path, mode).await {
        Err(error) if is_refused(&error) => Ok(()),
        Err(error) => Err(unusable(place, error)),
        Ok(_) => anyhow::bail!(
            "the store of {} ignores the conditions If-Match and If-None-Match, so writers cannot be kept apart; use one \
             that obeys them",
            place.name
        ),
    }
}

/// Keeps a lease alive.
struct Renewal {
    place: Place,
    times: Times,
    slip: Slip,
    version: UpdateVersion,
    /// When the last renewal that succeeded was sent.
    renewed_at: Instant,
}

impl Renewal {
    async fn run(mut self, stop: CancellationToken, lost: oneshot::Sender<String>) {
        while stop.run_until_cancelled(sleep(self.times.renew)).await.is_some() {
            if let Err(why) = self.renew().await {
                // Nobody listens any more when the work is over.
                let _ = lost.send(why);
                return;
            }
        }
        self.give_back().await;
    }

    /// Tries until it is renewed.
    ///
    /// # Errors
    /// Why it is lost.
    async fn renew(&mut self) -> Result<(), String> {
        self.slip.renewed += 1;
        loop {
            let sent = Instant::now();
            let Some(left) = self.times.patience().checked_sub(self.renewed_at.elapsed()) else {
                return Err("it could not be renewed in time".to_owned());
            };
            match timeout(left, self.put(&self.slip)).await {
                Ok(Ok(version)) => {
                    (self.version, self.renewed_at) = (version, sent);
                    return Ok(());
                }
                Ok(Err(error)) if is_refused(&error) => {
                    self.version = self.still_ours(left).await?;
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, place = self.place.name, "the writer's lock was not renewed; tried again");
                }
                Err(_) => {}
            }
            sleep(self.times.look).await;
        }
    }

    /// The newest version of the lock object, if it is ours.
    async fn still_ours(&self, left: Duration) -> Result<UpdateVersion, String> {
        let read = timeout(left, Slip::read(&*self.place.store, &self.place.path)).await;
        match read {
            Ok(Ok(Some(seen))) if seen.slip.token == self.slip.token => Ok(seen.version),
            Ok(Ok(Some(seen))) if !seen.slip.is_free() => Err(format!("{} has taken it", seen.slip.writer)),
            Ok(Ok(_)) => Err("somebody has removed it".to_owned()),
            Ok(Err(_)) | Err(_) => Ok(self.version.clone()),
        }
    }

    async fn give_back(&self) {
        let free = Slip { renewed: self.slip.renewed, ..Slip::default() };
        match timeout(self.times.patience(), self.put(&free)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, place = self.place.name, "the writer's lock was not given back; it expires by itself");
            }
            Err(_) => tracing::warn!(
                place = self.place.name,
                "the writer's lock was not given back in time; it expires by itself"
            ),
        }
    }

    async fn put(&self, slip: &Slip) -> object_store::Result<UpdateVersion> {
        slip.put(&*self.place.store, &self.place.path, PutMode::Update(self.version.clone())).await
    }
}

fn busy(place: &Place, slip: &Slip) -> anyhow::Error {
    let writer = if slip.writer.is_empty() { String::new() } else { format!(" ({})", slip.writer) };
    KnowledgeError::Busy(format!("{}{writer}", place.name)).into()
}

fn unusable(place: &Place, error: object_store::Error) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("could not lock {} for writing", place.name))
}

/// A word that nobody else has.
fn token() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// This process, for people: `pid 12 on host-b`.
fn writer() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|char| char.is_ascii_graphic()).take(100).collect();
    let host = if host.is_empty() { "another machine".to_owned() } else { host };
    format!("pid {} on {host}", std::process::id())
}

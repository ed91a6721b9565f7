//! Writers on several machines, one store.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::slip::Slip;
use super::{Lease, Place, Times};
use crate::KnowledgeError;

/// Renewed often, and never lost by a slow machine.
const ALIVE: Times = Times {
    renew: Duration::from_millis(20),
    expiry: Duration::from_secs(60),
    look: Duration::from_millis(5),
};

/// Over soon.
const BRIEF: Times = Times {
    renew: Duration::from_millis(20),
    expiry: Duration::from_millis(300),
    look: Duration::from_millis(5),
};

fn place(store: impl ObjectStore) -> Place {
    Place {
        store: Arc::new(store),
        path: Path::from("base/writer.lock"),
        name: "s3://bucket/base".to_owned(),
    }
}

async fn slip(place: &Place) -> Slip {
    Slip::read(&*place.store, &place.path).await.unwrap().unwrap().slip
}

async fn refusal(place: &Place, times: Times) -> anyhow::Error {
    Lease::take(place, times).await.err().expect("the lock must not be given twice")
}

/// Waits for a minute at most; what is waited for takes much less.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.unwrap()
}

#[tokio::test]
async fn a_writer_keeps_the_others_out_for_as_long_as_it_lives() {
    let place = place(InMemory::new());
    let first = Lease::take(&place, ALIVE).await.unwrap();
    let busy = soon(refusal(&place, ALIVE)).await;
    let Some(KnowledgeError::Busy(who)) = busy.downcast_ref() else { panic!("{busy:#}") };
    assert!(who.starts_with("s3://bucket/base (pid "), "{who}");
    first.release().await;
    assert!(slip(&place).await.is_free());
    let second = Lease::take(&place, ALIVE).await.unwrap();
    assert!(!slip(&place).await.is_free());
    drop(second);
    // Given back by the lease's own task.
    soon(async {
        while !slip(&place).await.is_free() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_who_come_at_once_one_writes() {
    let place = place(InMemory::new());
    let all = futures::future::join_all((0..8).map(|_| Lease::take(&place, ALIVE))).await;
    assert_eq!(all.iter().filter(|lease| lease.is_ok()).count(), 1);
}

#[tokio::test]
async fn the_lock_of_a_writer_that_was_killed_is_taken_over() {
    let place = place(InMemory::new());
    Lease::take(&place, BRIEF).await.unwrap().crash().await;
    let dead = slip(&place).await;
    let heir = soon(Lease::take(&place, BRIEF)).await.unwrap();
    assert_ne!(slip(&place).await.token, dead.token);
    heir.release().await;
}

#[tokio::test]
async fn garbage_in_the_place_of_the_lock_expires_too() {
    let place = place(InMemory::new());
    for garbage in [b"\xff{".to_vec(), vec![b'x'; 1 << 20]] {
        let payload = PutPayload::from(garbage);
        place.store.put_opts(&place.path, payload, PutOptions::default()).await.unwrap();
        soon(Lease::take(&place, BRIEF)).await.unwrap().release().await;
    }
}

#[tokio::test]
async fn a_writer_whose_lock_was_taken_over_is_told() {
    let place = place(InMemory::new());
    let mut lease = Lease::take(&place, ALIVE).await.unwrap();
    let heir = Slip { token: "b".to_owned(), writer: "pid 7 on host-b".to_owned(), renewed: 0 };
    heir.put(&*place.store, &place.path, PutMode::Overwrite).await.unwrap();
    let lost = soon(lease.lost()).await;
    assert!(lost.to_string().contains("s3://bucket/base was lost: pid 7 on host-b has taken it"), "{lost}");
    lease.release().await;
    assert_eq!(slip(&place).await, heir, "the other's lock stays");
}

#[tokio::test]
async fn a_writer_that_cannot_renew_gives_up_before_others_take_over() {
    let odd = Odd::default();
    let unreachable = odd.unreachable.clone();
    let place = place(odd);
    let mut lease = Lease::take(&place, BRIEF).await.unwrap();
    unreachable.store(true, Ordering::SeqCst);
    let lost = soon(lease.lost()).await;
    assert!(lost.to_string().contains("could not be renewed in time"), "{lost}");
}

#[tokio::test]
async fn an_answer_that_was_lost_on_the_way_is_no_refusal() {
    let odd = Odd::default();
    let forgetful = odd.forgetful.clone();
    let place = place(odd);
    forgetful.store(true, Ordering::SeqCst);
    let mut lease = Lease::take(&place, ALIVE).await.unwrap();
    forgetful.store(true, Ordering::SeqCst);
    soon(async {
        while slip(&place).await.renewed < 5 {
            tokio::time::timeout(Duration::from_millis(1), lease.lost()).await.unwrap_err();
        }
    })
    .await;
    lease.release().await;
    assert!(slip(&place).await.is_free());
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused() {
    let odd = Odd::default();
    odd.careless.store(true, Ordering::SeqCst);
    let refused = refusal(&place(odd), ALIVE).await;
    assert!(refused.to_string().contains("ignores the conditions"), "{refused:#}");
}

/// A store in memory with the faults of others.
#[derive(Debug, Default)]
struct Odd {
    store: InMemory,
    /// Nothing can be written.
    unreachable: Arc<AtomicBool>,
    /// Writes whatever the condition.
    careless: Arc<AtomicBool>,
    /// Writes once and says it has not, as a repeated request hears it.
    forgetful: Arc<AtomicBool>,
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "odd")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "odd", source: "unreachable".into() });
        }
        if self.careless.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let written = self.store.put_opts(path, payload, options).await?;
        if self.forgetful.swap(false, Ordering::SeqCst) {
            return Err(Error::Precondition { path: path.to_string(), source: "written before".into() });
        }
        Ok(written)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

//! Which sources on this machine have changed. The web and remote git are asked by the caller now and then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Location, SourceSpec};

/// A burst of changes is over when nothing has changed for this long.
const QUIET: Duration = Duration::from_millis(300);
/// A burst without end is reported at least this often.
const LONGEST: Duration = Duration::from_secs(5);

/// A watch over sources; dropping it ends it.
pub struct Watch {
    changes: Arc<Changes>,
    cancel: CancellationToken,
    // Held because it stops watching when it is dropped.
    _watcher: RecommendedWatcher,
}

#[derive(Default)]
struct Changes {
    names: Mutex<BTreeSet<String>>,
    happened: Notify,
}

/// What is watched for one source.
struct Watched {
    name: String,
    path: PathBuf,
    whole_folder: bool,
}

/// Watches those of the sources that are files, folders, globs and archives on this machine, until cancelled.
///
/// # Errors
/// When the operating system does not let us, or a source is not there.
pub fn watch(specs: &[SourceSpec], cancel: CancellationToken) -> Result<Watch, notify::Error> {
    let watched = specs.iter().filter_map(watched).collect::<Result<Vec<_>, _>>()?;
    let folders: BTreeSet<(PathBuf, bool)> = watched.iter().map(Watched::folder).collect();
    let changes = Arc::new(Changes::default());
    let mut watcher = notify::recommended_watcher({
        let changes = Arc::clone(&changes);
        move |event| changes.note(event, &watched)
    })?;
    for (folder, whole) in folders {
        let mode = if whole { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        watcher.watch(&folder, mode)?;
    }
    Ok(Watch { changes, cancel, _watcher: watcher })
}

impl Watch {
    /// Waits for the next burst of changes to be over: the names of the sources that it touched. `None` when
    /// cancelled.
    pub async fn changed(&mut self) -> Option<BTreeSet<String>> {
        let cancel = self.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => None,
            names = self.burst() => Some(names),
        }
    }

    async fn burst(&self) -> BTreeSet<String> {
        loop {
            self.changes.happened.notified().await;
            let longest = Instant::now() + LONGEST;
            loop {
                let quiet = (Instant::now() + QUIET).min(longest);
                if timeout_at(quiet, self.changes.happened.notified()).await.is_err() {
                    break;
                }
            }
            let names =
                std::mem::take(&mut *self.changes.names.lock().unwrap_or_else(PoisonError::into_inner));
            if !names.is_empty() {
                return names;
            }
        }
    }
}

impl Changes {
    fn note(&self, event: notify::Result<Event>, watched: &[Watched]) {
        let touched: Vec<&Watched> = match event {
            // Our own reading is an event, too.
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
            Ok(event) if event.need_rescan() => watched.iter().collect(),
            Ok(event) => {
                watched.iter().filter(|one| event.paths.iter().any(|path| one.is_touched_by(path))).collect()
            }
            // Events were lost: anything may have changed.
            Err(error) => {
                tracing::warn!(%error, "watching sources: events were lost, all are read again");
                watched.iter().collect()
            }
        };
        if touched.is_empty() {
            return;
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.extend(touched.into_iter().map(|one| one.name.clone()));
        drop(names);
        self.happened.notify_one();
    }
}

impl Watched {
    /// The folder to watch, and whether with all folders in it. Files are replaced as often as they are written, so
    /// their folder is watched.
    fn folder(&self) -> (PathBuf, bool) {
        match (self.whole_folder, self.path.parent()) {
            (false, Some(parent)) => (parent.to_owned(), false),
            _ => (self.path.clone(), true),
        }
    }

    fn is_touched_by(&self, path: &Path) -> bool {
        match self.whole_folder {
            true => path.starts_with(&self.path) && !path.components().any(|part| part.as_os_str() == ".git"),
            // A mounted ConfigMap changes by a link beside the file.
            false => path == self.path || path.file_name().is_some_and(|name| name == "..data"),
        }
    }
}

fn watched(spec: &SourceSpec) -> Option<Result<Watched, notify::Error>> {
    let path = spec.location.local_path()?;
    let whole_folder = matches!(spec.location, Location::Folder(_) | Location::Glob { .. });
    // Events carry the path as it was given; a file keeps its name, only its folder is made absolute.
    let absolute = match (whole_folder, path.parent(), path.file_name()) {
        (false, Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            parent.canonicalize().map(|parent| parent.join(name))
        }
        _ => path.canonicalize(),
    };
    let watched = absolute.map(|path| Watched { name: spec.name.clone(), path, whole_folder });
    Some(watched.map_err(|error| notify::Error::io(error).add_path(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn within_a_minute(watch: &mut Watch) -> Option<BTreeSet<String>> {
        tokio::time::timeout(Duration::from_secs(60), watch.changed()).await.expect("a change is seen")
    }

    #[tokio::test]
    async fn a_burst_of_changes_is_reported_once_with_the_sources_that_it_touched() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = other.path().join("one.md");
        fs::write(&file, "old").unwrap();
        let specs = [
            SourceSpec::new("folder", Location::Folder(folder.path().into())),
            SourceSpec::new("file", Location::File(file.clone())),
        ];
        let cancel = CancellationToken::new();
        let mut watch = watch(&specs, cancel.clone()).unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a.md"), "new").unwrap();
        fs::write(other.path().join("unrelated.md"), "new").unwrap();
        assert_eq!(within_a_minute(&mut watch).await, Some(BTreeSet::from(["folder".to_owned()])));
        fs::write(other.path().join("swap"), "new").unwrap();
        fs::rename(other.path().join("swap"), &file).unwrap();
        assert_eq!(within_a_minute(&mut watch).await, Some(BTreeSet::from(["file".to_owned()])));
        cancel.cancel();
        assert_eq!(within_a_minute(&mut watch).await, None);
    }

    #[test]
    fn a_source_that_is_not_there_cannot_be_watched() {
        let specs = [SourceSpec::new("gone", Location::Folder("/no/such/folder".into()))];
        assert!(watch(&specs, CancellationToken::new()).is_err());
    }
}

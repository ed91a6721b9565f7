//! A shallow, bare clone over https into a temporary folder, within a deadline and a size.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gix::clone::PrepareFetch;
use gix::protocol::transport::client::blocking_io::http;
use gix::remote::fetch::Shallow;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::{interval, sleep};

use super::super::address::{PublicOnly, names_private_address};
use super::super::outlet::Outlet;
use super::super::web::{USER_AGENT, install_crypto_provider};
use super::super::{SourceError, joined, size};
use super::{failed, folder_size};
use crate::Limits;

/// How often a clone under way is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Tells the clone to stop when nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Clones one commit. The folder is removed when the last holder drops it.
pub(super) async fn clone(
    url: &str,
    reference: Option<&str>,
    limits: &Limits,
    outlet: &Outlet,
) -> Result<Arc<TempDir>, SourceError> {
    let unwritable = |error| SourceError::Unreadable { path: std::env::temp_dir(), error };
    let folder = Arc::new(tempfile::tempdir().map_err(unwritable)?);
    let stop = Arc::new(AtomicBool::new(false));
    let _stop_on_drop = StopOnDrop(Arc::clone(&stop));
    let mut work = spawn_blocking({
        let (url, reference, limits) = (url.to_owned(), reference.map(ToOwned::to_owned), limits.clone());
        let folder = Arc::clone(&folder);
        move || fetch(&url, reference.as_deref(), &limits, &folder, &stop)
    });
    let refused = |reason: String| SourceError::Git { url: url.to_owned(), reason, error: None };
    let deadline = sleep(limits.clone);
    tokio::pin!(deadline);
    let mut looks = interval(LOOK);
    loop {
        tokio::select! {
            done = &mut work => return joined(done).map(|()| folder),
            () = &mut deadline => {
                return Err(refused(format!("the clone takes longer than {} s", limits.clone.as_secs())));
            }
            _ = looks.tick() => {
                if !outlet.is_open() {
                    return Err(SourceError::Stopped);
                }
                let path = folder.path().to_owned();
                let written = spawn_blocking(move || folder_size(path)).await.unwrap_or_default();
                if written > limits.archive_bytes {
                    return Err(refused(format!("the clone is larger than {}", size(limits.archive_bytes))));
                }
            }
        }
    }
}

fn fetch(
    url: &str,
    reference: Option<&str>,
    limits: &Limits,
    folder: &TempDir,
    stop: &AtomicBool,
) -> Result<(), SourceError> {
    install_crypto_provider();
    let private = url::Url::parse(url).is_ok_and(|url| names_private_address(&url));
    if private && !limits.private_addresses {
        let reason = "is not at a public address; allow private addresses for sources that you name yourself";
        return Err(SourceError::Git { url: url.to_owned(), reason: reason.into(), error: None });
    }
    let explained = |error: gix::Error| {
        let reason = match reference {
            Some(name) => {
                format!("cannot be cloned at {name}; is it public, and does it have this branch or tag?")
            }
            None => {
                "cannot be cloned; is it public? Otherwise clone it yourself and give `git:FOLDER`".into()
            }
        };
        failed(url, &reason, error)
    };
    prepared(url, reference, limits, folder)
        .and_then(|mut clone| clone.fetch_only(gix::progress::Discard, stop))
        .map(|_| ())
        .map_err(explained)
}

fn prepared(
    url: &str,
    reference: Option<&str>,
    limits: &Limits,
    folder: &TempDir,
) -> gix::Result<PrepareFetch> {
    let options = gix::open::Options::isolated();
    let clone = PrepareFetch::new(url, folder.path(), gix::create::Kind::Bare, Default::default(), options)?;
    let commit = reference.filter(|name| gix::ObjectId::from_hex(name.as_bytes()).is_ok());
    let clone = match commit {
        Some(id) => clone.with_revision(Some(id))?,
        None => clone.with_ref_name(reference)?,
    };
    let limits = limits.clone();
    Ok(clone.with_shallow(Shallow::DepthAtRemote(std::num::NonZeroU32::MIN)).configure_connection(
        move |connection| {
            connection.set_credentials(|_| Ok(None));
            connection.set_transport_options(Box::new(transport(&limits)));
            Ok(())
        },
    ))
}

/// How the HTTP client of the clone behaves: no redirect and no proxy past the check of addresses.
fn transport(limits: &Limits) -> http::Options {
    let (deadline, guarded) = (limits.clone, !limits.private_addresses);
    let client = http::reqwest::Options {
        configure_client: Some(Box::new(move |builder| {
            let builder = builder.timeout(deadline);
            Ok(if guarded { builder.no_proxy().dns_resolver(Arc::new(PublicOnly)) } else { builder })
        })),
        ..Default::default()
    };
    let follow_redirects = match guarded {
        true => http::options::FollowRedirects::None,
        false => http::options::FollowRedirects::Initial,
    };
    http::Options {
        follow_redirects,
        user_agent: Some(USER_AGENT.into()),
        backend: Some(Arc::new(Mutex::new(client))),
        ..Default::default()
    }
}

//! The hold on one incident: renewed while it is worked on, so that a crashed process loses it soon.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Workflow;
use crate::incident::IncidentId;

/// How long an incident stays ours without a heartbeat. A crash delays its incidents by at most this.
pub(super) const LEASE: Duration = Duration::from_secs(5);
const HEARTBEAT: Duration = Duration::from_millis(1500);

impl Workflow {
    /// Renews the lease until `stop`; cancels `lost` when somebody else has it.
    pub(super) async fn heartbeat(&self, id: &IncidentId, stop: CancellationToken, lost: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
            match self.store.renew(id, &self.owner, LEASE).await {
                Ok(true) => {}
                Ok(false) => {
                    warn!(incident = %id, "another process took this incident over; leaving it alone");
                    lost.cancel();
                    return;
                }
                // The lease outlives two missed heartbeats; a longer outage shows as LeaseLost at the next commit.
                Err(error) => warn!(incident = %id, %error, "could not renew the lease"),
            }
        }
    }
}

//! What a host's robots.txt allows (RFC 9309).

use std::time::Duration;

use texting_robots::Robot;
use tokio::task::spawn_blocking;
use url::Url;

use super::web::{USER_AGENT, WebError};

/// As much of a robots.txt as is looked at; the RFC asks for this much at least.
pub(super) const ROBOTS_BYTES: usize = 500 * 1024;

/// Longest pause between requests that a host may ask for.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The rules of one host.
pub(super) struct Rules(Option<Robot>);

impl Rules {
    /// Everything may be read.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Reads a robots.txt. One that cannot be understood forbids, as one that cannot be had.
    pub(super) async fn parse(host: String, text: Vec<u8>) -> Result<Self, WebError> {
        let parsed =
            spawn_blocking(move || Robot::new(USER_AGENT, &text).map_err(|error| error.to_string())).await;
        match parsed {
            Ok(Ok(robot)) => Ok(Self(Some(robot))),
            Ok(Err(reason)) => Err(WebError::RobotsUnavailable { host, reason }),
            Err(_) => Err(WebError::RobotsUnavailable { host, reason: "it cannot be parsed".into() }),
        }
    }

    /// Whether the page may be read.
    pub(super) fn check(&self, url: &Url) -> Result<(), WebError> {
        match &self.0 {
            Some(robot) if !robot.allowed(url.as_str()) => {
                Err(WebError::Robots(url.host_str().unwrap_or_default().to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The pause between requests that the host asks for, bounded.
    pub(super) fn delay(&self) -> Option<Duration> {
        let seconds = self.0.as_ref()?.delay?;
        let asked = Duration::try_from_secs_f32(seconds).unwrap_or(LONGEST_DELAY);
        Some(asked.min(LONGEST_DELAY))
    }
}

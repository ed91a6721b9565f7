//! Getting a container's image onto its node.

use std::collections::HashSet;
use std::time::Duration;

use super::Place;
use super::container::{ContainerRun, Phase};
use crate::sim::scenarios::split_image;
use crate::sim::world::fields;

/// Time for sandbox and container when the image is on the node already.
const CREATE: Duration = Duration::from_millis(800);
/// Time for pulling an image besides that.
const PULL: Duration = Duration::from_millis(1_400);
/// How long the plain error is shown before the back-off is.
const SHOWN: Duration = Duration::from_secs(3);
const FIRST_DELAY: Duration = Duration::from_secs(10);
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// How long it takes until a container of this image can start.
pub(super) fn time_needed(place: Place<'_>, images: &HashSet<(String, String)>) -> Duration {
    let image = fields::text(place.spec, "/image");
    let key = (place.node().to_owned(), image.to_owned());
    if images.contains(&key) { CREATE } else { CREATE + PULL }
}

impl ContainerRun {
    pub(super) fn pull(&mut self, place: Place<'_>, images: &mut HashSet<(String, String)>) {
        let key = (place.node().to_owned(), self.image.clone());
        if images.contains(&key) {
            place.normal("Pulled", &format!("Container image \"{}\" already present on machine", self.image));
            return self.start(place);
        }
        place.normal("Pulling", &format!("Pulling image \"{}\"", self.image));
        if !exists(place, &self.image) {
            return self.fail_pull(place);
        }
        let (ms, bytes) =
            (1_100 + rand::random_range(0..900), 30_000_000 + rand::random_range(0..90_000_000));
        place.normal(
            "Pulled",
            &format!(
                "Successfully pulled image \"{}\" in {ms}ms ({ms}ms including waiting). Image size: {bytes} bytes.",
                self.image
            ),
        );
        images.insert(key);
        self.start(place);
    }

    fn fail_pull(&mut self, place: Place<'_>) {
        let image = &self.image;
        let message = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \
             \"{image}\": {image}: not found"
        );
        place.warning("Failed", &format!("Failed to pull image \"{image}\": {message}"));
        place.warning("Failed", "Error: ErrImagePull");
        let delay = FIRST_DELAY.saturating_mul(1 << self.pulls.min(10)).min(LONGEST_DELAY);
        self.pulls += 1;
        self.phase = Phase::PullFailed { since: place.world.now(), message, backing_off: false, delay };
    }

    pub(super) fn retry_pull(&mut self, place: Place<'_>, images: &mut HashSet<(String, String)>) {
        let Phase::PullFailed { since, message, backing_off, delay } = &self.phase else { return };
        let (since, delay) = (*since, *delay);
        if place.world.clock.is_over(since, delay) {
            return self.pull(place, images);
        }
        if !backing_off && place.world.clock.is_over(since, SHOWN) {
            let message = message.clone();
            place.normal("BackOff", &format!("Back-off pulling image \"{}\"", self.image));
            place.warning("Failed", "Error: ImagePullBackOff");
            self.phase = Phase::PullFailed { since, message, backing_off: true, delay };
        }
    }
}

/// Whether the registry has an image; of repositories that no program declares it has every tag.
fn exists(place: Place<'_>, image: &str) -> bool {
    let (_, tag) = split_image(image);
    let program = place.world.scenario.program(image);
    program.is_none_or(|program| program.tags.is_empty() || program.tags.iter().any(|known| known == tag))
}

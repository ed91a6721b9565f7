//! The memory that all shelves of a cluster share.

use std::sync::{Mutex, PoisonError};

use crate::settings::WatchSettings;

/// How much is kept, and how much may be.
#[derive(Debug)]
pub(super) struct Room {
    most: Share,
    taken: Mutex<Share>,
}

/// A part of the room.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) objects: usize,
    /// Bytes of JSON, what is not kept left out.
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn new(settings: &WatchSettings) -> Self {
        let most = Share { objects: settings.max_objects, bytes: settings.max_bytes };
        Self { most, taken: Mutex::default() }
    }

    /// Gives one share back for another; false, and nothing is changed, where the other is larger and there is no room.
    pub(super) fn exchange(&self, before: Share, after: Share) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = taken.without(before).with(after);
        let grows = after.objects > before.objects || after.bytes > before.bytes;
        if grows && (sum.objects > self.most.objects || sum.bytes > self.most.bytes) {
            return false;
        }
        *taken = sum;
        true
    }
}

impl Share {
    /// The share of one object.
    pub(super) const fn of(bytes: usize) -> Self {
        Self { objects: 1, bytes }
    }

    pub(super) const fn with(self, more: Self) -> Self {
        let Self { objects, bytes } = more;
        Self { objects: self.objects.saturating_add(objects), bytes: self.bytes.saturating_add(bytes) }
    }

    pub(super) const fn without(self, less: Self) -> Self {
        let Self { objects, bytes } = less;
        Self { objects: self.objects.saturating_sub(objects), bytes: self.bytes.saturating_sub(bytes) }
    }

    /// The larger of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self { objects: self.objects.max(other.objects), bytes: self.bytes.max(other.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Room, Share};
    use crate::settings::WatchSettings;

    #[test]
    fn what_has_no_room_takes_none() {
        let settings = WatchSettings { max_objects: 2, max_bytes: 100, ..WatchSettings::default() };
        let (room, none) = (Room::new(&settings), Share::default());
        assert!(room.exchange(none, Share::of(60)));
        assert!(!room.exchange(none, Share::of(41)));
        assert!(room.exchange(none, Share::of(40)));
        assert!(!room.exchange(none, Share::of(0)), "two objects are all");
        assert!(room.exchange(Share::of(60), Share::of(50)), "less is always possible");
        assert!(!room.exchange(Share::of(50), Share::of(61)));
        assert!(room.exchange(Share::of(50), none) && room.exchange(none, Share::of(60)));
    }
}

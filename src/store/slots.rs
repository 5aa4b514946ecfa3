//! The slot cache: from label sets to the cells of one shard.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::family::Family;
use super::series::SeriesId;
use super::shard::CellIndex;
use crate::labels::{Key, LabelSet, RequestKey};

/// A series and its cell in the shard of one writer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(super) series: SeriesId,
    pub(super) cell: CellIndex,
}

/// The slots of all series that have a cell in the shard. It makes the cost of a record
/// independent of other threads and of the number of series.
#[derive(Debug, Default)]
pub(super) struct SlotCache {
    /// Requests without a message: a family has the label for all of them or for none.
    requests: RequestSlots,
    others: HashTable<Slot>,
}

/// A hash table with linear probing that is at most three quarters full. It takes less time than
/// hashbrown, which also looks at entries in groups.
#[derive(Debug, Default)]
struct RequestSlots {
    hasher: RandomState,
    /// As many as a power of two, or none.
    entries: Box<[Option<RequestSlot>]>,
    len: usize,
}

/// A slot with what it is compared by, so that nothing else is read to find it.
#[derive(Debug)]
struct RequestSlot {
    addr: Arc<str>,
    key: RequestKey,
    slot: Slot,
}

/// Entries of a table with its first slot.
const FIRST: usize = 8;

impl SlotCache {
    /// The slot of the series with these labels.
    pub(super) fn get(&self, family: &Family, labels: &LabelSet<'_>) -> Option<Slot> {
        if let Some(key) = request_key(labels) {
            return self.get_request(key, labels.addr);
        }
        let has_labels = |slot: &Slot| family.has_labels(slot.series, labels);
        self.others.find(family.hash(labels), has_labels).copied()
    }

    /// The slot of requests without a message.
    #[inline(always)]
    pub(super) fn get_request(&self, key: RequestKey, addr: &str) -> Option<Slot> {
        self.requests.get(key, addr)
    }

    /// Adds the slot of a series that is not in the cache.
    pub(super) fn insert(&mut self, family: &Family, labels: &LabelSet<'_>, slot: Slot) {
        match (request_key(labels), family.series(slot.series)) {
            (Some(key), Some(series)) => {
                self.requests.insert(RequestSlot { addr: Arc::clone(series.addr()), key, slot });
            }
            _ => {
                let rehash = |other: &Slot| family.hash_of(other.series);
                self.others.insert_unique(family.hash(labels), slot, rehash);
            }
        }
    }
}

impl RequestSlots {
    #[inline(always)]
    fn get(&self, key: RequestKey, addr: &str) -> Option<Slot> {
        let mut index = self.first_index(key, addr);
        // Ends at a vacant entry: a quarter of them are.
        while let Some(Some(entry)) = self.entries.get(index) {
            if entry.key == key && *entry.addr == *addr {
                return Some(entry.slot);
            }
            index = (index + 1) & (self.entries.len() - 1);
        }
        None
    }

    fn insert(&mut self, slot: RequestSlot) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            let len = (self.entries.len() * 2).max(FIRST);
            let entries = std::mem::replace(&mut self.entries, (0..len).map(|_| None).collect());
            entries.into_iter().flatten().for_each(|slot| self.place(slot));
        }
        self.place(slot);
        self.len += 1;
    }

    fn place(&mut self, slot: RequestSlot) {
        let mut index = self.first_index(slot.key, &slot.addr);
        while self.entries[index].is_some() {
            index = (index + 1) & (self.entries.len() - 1);
        }
        self.entries[index] = Some(slot);
    }

    /// The entry that is looked at first.
    #[inline(always)]
    fn first_index(&self, key: RequestKey, addr: &str) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(addr.as_bytes());
        hasher.write_u32(key.to_bits());
        hasher.finish() as usize & self.entries.len().wrapping_sub(1)
    }
}

fn request_key(labels: &LabelSet<'_>) -> Option<RequestKey> {
    match labels.key {
        Key::Request(key) if labels.message.is_none_or(str::is_empty) => Some(key),
        _ => None,
    }
}

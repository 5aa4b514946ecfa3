//! The slot cache: from label sets to the cells of one shard.

use std::hash::{BuildHasher as _, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::family::Family;
use super::series::SeriesId;
use super::shard::CellIndex;
use crate::labels::{Key, LabelSet, OwnValues, RequestKey};

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
    /// Requests without a message, in a family without labels of the app's own.
    requests: RequestSlots<RequestKey>,
    /// Requests without a message in a family with labels of the app's own.
    labelled: RequestSlots<(RequestKey, OwnValues)>,
    others: HashTable<Slot>,
}

/// A hash table with linear probing that is at most three quarters full. It takes less time than
/// hashbrown, which also looks at entries in groups.
#[derive(Debug)]
struct RequestSlots<K> {
    hasher: RandomState,
    /// As many as a power of two, or none.
    entries: Box<[Option<RequestSlot<K>>]>,
    len: usize,
}

/// A slot with what it is compared by, so that nothing else is read to find it.
#[derive(Debug)]
struct RequestSlot<K> {
    addr: Arc<str>,
    key: K,
    slot: Slot,
}

/// All labels of a request but `addr`.
trait SlotKey: Copy + Eq {
    fn hash(self, hasher: &mut impl Hasher);
}

impl SlotKey for RequestKey {
    #[inline(always)]
    fn hash(self, hasher: &mut impl Hasher) {
        hasher.write_u32(self.to_bits());
    }
}

impl SlotKey for (RequestKey, OwnValues) {
    #[inline]
    fn hash(self, hasher: &mut impl Hasher) {
        self.0.hash(hasher);
        hasher.write_u64(self.1.to_bits());
    }
}

/// Entries of a table with its first slot.
const FIRST: usize = 8;

impl SlotCache {
    /// The slot of the series with these labels.
    pub(super) fn get(&self, family: &Family, labels: &LabelSet<'_>) -> Option<Slot> {
        if let Some(key) = request_key(labels) {
            return self.get_labelled(key, labels.own, labels.addr);
        }
        let has_labels = |slot: &Slot| family.has_labels(slot.series, labels);
        self.others.find(family.hash(labels), has_labels).copied()
    }

    /// The slot of requests without further labels.
    #[inline(always)]
    pub(super) fn get_request(&self, key: RequestKey, addr: &str) -> Option<Slot> {
        self.requests.get(key, addr)
    }

    /// The slot of requests without a message.
    #[inline]
    pub(super) fn get_labelled(&self, key: RequestKey, own: OwnValues, addr: &str) -> Option<Slot> {
        if own == OwnValues::default() {
            return self.requests.get(key, addr);
        }
        self.labelled.get((key, own), addr)
    }

    /// Adds the slot of a series that is not in the cache.
    pub(super) fn insert(&mut self, family: &Family, labels: &LabelSet<'_>, slot: Slot) {
        match (request_key(labels), family.series(slot.series)) {
            (Some(key), Some(series)) => {
                let (addr, own) = (Arc::clone(series.addr()), labels.own);
                if own == OwnValues::default() {
                    self.requests.insert(RequestSlot { addr, key, slot });
                } else {
                    self.labelled.insert(RequestSlot { addr, key: (key, own), slot });
                }
            }
            _ => {
                let rehash = |other: &Slot| family.hash_of(other.series);
                self.others.insert_unique(family.hash(labels), slot, rehash);
            }
        }
    }
}

impl<K> Default for RequestSlots<K> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), entries: Default::default(), len: 0 }
    }
}

impl<K: SlotKey> RequestSlots<K> {
    #[inline(always)]
    fn get(&self, key: K, addr: &str) -> Option<Slot> {
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

    fn insert(&mut self, slot: RequestSlot<K>) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            let len = (self.entries.len() * 2).max(FIRST);
            let entries = std::mem::replace(&mut self.entries, (0..len).map(|_| None).collect());
            entries.into_iter().flatten().for_each(|slot| self.place(slot));
        }
        self.place(slot);
        self.len += 1;
    }

    fn place(&mut self, slot: RequestSlot<K>) {
        let mut index = self.first_index(slot.key, &slot.addr);
        while self.entries[index].is_some() {
            index = (index + 1) & (self.entries.len() - 1);
        }
        self.entries[index] = Some(slot);
    }

    /// The entry that is looked at first.
    #[inline(always)]
    fn first_index(&self, key: K, addr: &str) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(addr.as_bytes());
        key.hash(&mut hasher);
        hasher.finish() as usize & self.entries.len().wrapping_sub(1)
    }
}

fn request_key(labels: &LabelSet<'_>) -> Option<RequestKey> {
    match labels.key {
        Key::Request(key) if labels.message.is_none_or(str::is_empty) => Some(key),
        _ => None,
    }
}

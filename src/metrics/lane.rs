//! A lane: the shards of one worker, one a series that this worker has met.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};

use super::shard::{Line, Shard, lines_for};
use super::shelf::Shelf;

/// Shards next to one another, each told whose series it counts for.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Beside the first chunks, since each record needs both.
    lines_per_shard: usize,
    chunks: Shelf<Chunk>,
    len: AtomicUsize,
    in_flight: AtomicI64,
}

/// Where a lane has a shard, told once and not at each record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    chunk: u32,
    line: u32,
}

#[derive(Debug)]
struct Chunk {
    series: Box<[AtomicU32]>,
    lines: Box<[Line]>,
}

impl Lane {
    /// An empty lane for shards of `counts` counts.
    pub(crate) fn new(counts: usize) -> Self {
        Self {
            lines_per_shard: lines_for(counts),
            chunks: Shelf::default(),
            len: AtomicUsize::new(0),
            in_flight: AtomicI64::new(0),
        }
    }

    /// The shard in `place`, if the lane is that long.
    #[inline]
    pub(crate) fn shard(&self, place: Place) -> Option<Shard<'_>> {
        let chunk = self.chunks.chunk(place.chunk as usize)?;
        let start = place.line as usize;
        Some(Shard::new(chunk.lines.get(start..start + self.lines_per_shard)?))
    }

    /// Appends a shard for `series` and returns its place. To be called by the
    /// lane's one writer. `None` where no place is left.
    pub(crate) fn push(&self, series: u32) -> Option<Place> {
        let index = self.len.load(Ordering::Relaxed);
        let (chunk, offset) = self.chunks.get_or_make(index, |places| Chunk {
            series: (0..places).map(|_| AtomicU32::new(0)).collect(),
            lines: (0..places * self.lines_per_shard).map(|_| Line::default()).collect(),
        })?;
        let place = self.place(index)?;
        chunk.series[offset].store(series, Ordering::Relaxed);
        // Publishes the series together with the place.
        self.len.store(index + 1, Ordering::Release);
        Some(place)
    }

    fn place(&self, index: usize) -> Option<Place> {
        let (chunk, offset) = Shelf::<Chunk>::locate(index);
        let line = u32::try_from(offset * self.lines_per_shard).ok()?;
        Some(Place { chunk: u32::try_from(chunk).ok()?, line })
    }

    /// Each series that has a shard here, with that shard.
    pub(crate) fn shards(&self) -> impl Iterator<Item = (usize, Shard<'_>)> {
        (0..self.len.load(Ordering::Acquire)).filter_map(|index| {
            let (chunk, offset) = self.chunks.get(index)?;
            let series = chunk.series.get(offset)?.load(Ordering::Relaxed);
            Some((series as usize, self.shard(self.place(index)?)?))
        })
    }

    /// Requests that the lane's worker has begun and not ended.
    pub(crate) fn in_flight(&self) -> i64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// To be called by the lane's one writer.
    pub(crate) fn add_in_flight(&self, change: i64) {
        self.in_flight.store(self.in_flight() + change, Ordering::Relaxed);
    }
}

//! The shard: what one thread recorded, a cell for each series that it met.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};

use super::buckets::Buckets;
use super::cell::{CacheLine, HistogramCell, lines_per_cell};
use super::series::SeriesId;

/// Cells per block.
const BLOCK: usize = 8;

/// The histogram cells of one writer. Cells are only ever added, in blocks that
/// never move:
///
/// ```text
///  block 0:  series  [ 4 │ 0 │ 7 │ … ]         block 1:  series  [ 2 │ … ]
///            lines   [ cell 0 │ cell 1 │ … ]             lines   [ cell 8 │ … ]
/// ```
#[derive(Debug)]
pub(crate) struct Shard {
    buckets: Buckets,
    lines_per_cell: usize,
    blocks: boxcar::Vec<Block>,
    len: AtomicUsize,
    in_flight: AtomicI64,
}

#[derive(Debug)]
struct Block {
    /// The series of each cell.
    series: [AtomicU32; BLOCK],
    lines: Box<[CacheLine]>,
}

/// Index of a cell within its shard.
pub(crate) type CellIndex = u32;

impl Shard {
    pub(crate) fn new(buckets: Buckets) -> Self {
        Self {
            lines_per_cell: lines_per_cell(buckets.count()),
            buckets,
            blocks: boxcar::Vec::new(),
            len: AtomicUsize::new(0),
            in_flight: AtomicI64::new(0),
        }
    }

    /// Adds one observation. Called by the shard's one writer.
    #[inline(always)]
    pub(crate) fn record(&self, cell: CellIndex, nanos: u64, bytes: u64) {
        if let Some(cell) = self.cell(cell as usize) {
            cell.record(self.buckets.index_of(nanos), nanos, bytes);
        }
    }

    #[inline(always)]
    fn cell(&self, index: usize) -> Option<HistogramCell<'_>> {
        let start = index % BLOCK * self.lines_per_cell;
        let lines = &self.blocks.get(index / BLOCK)?.lines;
        Some(HistogramCell::new(lines.get(start..start + self.lines_per_cell)?))
    }

    /// Appends a cell for `series`. Called by the shard's one writer. `None` after
    /// four billion cells.
    pub(crate) fn push(&self, series: SeriesId) -> Option<CellIndex> {
        // Relaxed: only the writer stores the length, so it reads its own value.
        let index = self.len.load(Ordering::Relaxed);
        let cell = CellIndex::try_from(index).ok()?;
        if index.is_multiple_of(BLOCK) {
            self.blocks.push(Block {
                series: Default::default(),
                lines: (0..BLOCK * self.lines_per_cell).map(|_| CacheLine::default()).collect(),
            });
        }
        // Relaxed: published by the length below.
        self.blocks.get(index / BLOCK)?.series[index % BLOCK].store(series, Ordering::Relaxed);
        // Pairs with the acquire load in `cells`: a reader that sees the cell sees its
        // series, here and in the family.
        self.len.store(index + 1, Ordering::Release);
        Some(cell)
    }

    /// Each cell with its series.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (SeriesId, HistogramCell<'_>)> {
        // Pairs with the release store in `push`.
        (0..self.len.load(Ordering::Acquire)).filter_map(|index| {
            let block = self.blocks.get(index / BLOCK)?;
            let series = block.series[index % BLOCK].load(Ordering::Relaxed);
            Some((series, self.cell(index)?))
        })
    }

    /// Requests that the shard's writer has begun and not ended.
    pub(crate) fn in_flight(&self) -> i64 {
        // Relaxed: a gauge of its own, not ordered with anything else.
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Called by the shard's one writer.
    pub(crate) fn add_in_flight(&self, change: i64) {
        self.in_flight.store(self.in_flight() + change, Ordering::Relaxed);
    }
}

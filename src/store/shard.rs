//! The shard: what one thread recorded, a cell for each series that it met.

use std::num::NonZero;

use super::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use super::buckets::Buckets;
use super::cell::{CacheLine, HistogramCell, lines_per_cell};
use super::native::{DIRECTORY_LINES, NativeCell, OctaveLines};
use super::series::SeriesId;

/// Cells per block.
const BLOCK: usize = 8;

/// The histogram cells of one writer.
#[derive(Debug)]
pub(crate) struct Shard {
    buckets: Buckets,
    /// Empty if there are native buckets: the cells are then in `native`.
    classic: Cells,
    native: Option<Box<NativeCells>>,
    in_flight: AtomicI64,
}

/// Cells that have native buckets.
#[derive(Debug)]
struct NativeCells {
    /// The last lines of each cell are its directory.
    cells: Cells,
    octaves: OctaveLines,
}

/// Cells are only ever added, in blocks that never move:
///
/// ```text
///  block 0:  series  [ 4 │ 0 │ 7 │ … ]         block 1:  series  [ 2 │ … ]
///            lines   [ cell 0 │ cell 1 │ … ]             lines   [ cell 8 │ … ]
/// ```
#[derive(Debug)]
struct Cells {
    lines_per_cell: usize,
    blocks: boxcar::Vec<Block>,
    len: AtomicUsize,
}

#[derive(Debug)]
struct Block {
    /// The series of each cell.
    series: [AtomicU32; BLOCK],
    lines: Box<[CacheLine]>,
}

/// Index of a cell within its shard, plus one: the space of zero makes an optional slot as small as
/// a slot, so that it is returned in a register.
pub(crate) type CellIndex = NonZero<u32>;

impl Shard {
    pub(crate) fn new(buckets: Buckets, has_native: bool) -> Self {
        let lines = lines_per_cell(buckets.count());
        let native = has_native.then(|| {
            let cells = Cells::new(lines + DIRECTORY_LINES);
            Box::new(NativeCells { cells, octaves: OctaveLines::default() })
        });
        Self { buckets, classic: Cells::new(lines), native, in_flight: AtomicI64::new(0) }
    }

    /// Adds one observation. Called by the shard's one writer.
    #[inline(always)]
    pub(crate) fn record(&self, cell: CellIndex, nanos: u64, bytes: u64) {
        match self.classic.lines(index_of(cell)) {
            Some(lines) => {
                HistogramCell::new(lines).record(self.buckets.index_of(nanos), nanos, bytes, None);
            }
            // Found by the cell that is not there, which is checked anyway, rather than by a
            // flag: without native buckets, nothing is executed for them.
            None => self.record_native(cell, nanos, bytes),
        }
    }

    #[inline(never)]
    fn record_native(&self, cell: CellIndex, nanos: u64, bytes: u64) {
        let Some(native) = &self.native else { return };
        let Some(lines) = native.cells.lines(index_of(cell)) else { return };
        // Before the record, which a reader waits for: a line may have to be allocated.
        let word = native.cell(lines).word(nanos);
        HistogramCell::new(lines).record(self.buckets.index_of(nanos), nanos, bytes, word);
    }

    /// Appends a cell for `series`. Called by the shard's one writer. `None` after
    /// four billion cells.
    pub(crate) fn push(&self, series: SeriesId) -> Option<CellIndex> {
        self.all().push(series)
    }

    /// Each cell with its series, and with its native buckets if there are any.
    pub(crate) fn cells(
        &self,
    ) -> impl Iterator<Item = (SeriesId, HistogramCell<'_>, Option<NativeCell<'_>>)> {
        self.all().iter().map(|(series, lines)| {
            let native = self.native.as_ref().map(|native| native.cell(lines));
            (series, HistogramCell::new(lines), native)
        })
    }

    fn all(&self) -> &Cells {
        self.native.as_ref().map_or(&self.classic, |native| &native.cells)
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

impl NativeCells {
    /// The native buckets of the cell with these lines.
    fn cell<'a>(&'a self, lines: &'a [CacheLine]) -> NativeCell<'a> {
        NativeCell::new(&lines[self.cells.lines_per_cell - DIRECTORY_LINES..], &self.octaves)
    }
}

impl Cells {
    fn new(lines_per_cell: usize) -> Self {
        Self { lines_per_cell, blocks: boxcar::Vec::new(), len: AtomicUsize::new(0) }
    }

    /// The lines of one cell.
    #[inline(always)]
    fn lines(&self, index: usize) -> Option<&[CacheLine]> {
        let start = index % BLOCK * self.lines_per_cell;
        self.blocks.get(index / BLOCK)?.lines.get(start..start + self.lines_per_cell)
    }

    fn push(&self, series: SeriesId) -> Option<CellIndex> {
        // Relaxed: one writer at a time stores the length. One that takes the shard over sees
        // the stores of the writer before it through the mutex in `Recorder`.
        let index = self.len.load(Ordering::Relaxed);
        let cell = NonZero::new(u32::try_from(index + 1).ok()?)?;
        if index.is_multiple_of(BLOCK) {
            self.blocks.push(Block {
                series: Default::default(),
                lines: (0..BLOCK * self.lines_per_cell).map(|_| CacheLine::default()).collect(),
            });
        }
        // Relaxed: published by the length below.
        self.blocks.get(index / BLOCK)?.series[index % BLOCK].store(series, Ordering::Relaxed);
        // Pairs with the acquire load in `iter`: a reader that sees the cell sees its
        // series, here and in the family.
        self.len.store(index + 1, Ordering::Release);
        Some(cell)
    }

    /// The lines of each cell with its series.
    fn iter(&self) -> impl Iterator<Item = (SeriesId, &[CacheLine])> {
        // Pairs with the release store in `push`.
        (0..self.len.load(Ordering::Acquire)).filter_map(|index| {
            let block = self.blocks.get(index / BLOCK)?;
            let series = block.series[index % BLOCK].load(Ordering::Relaxed);
            Some((series, self.lines(index)?))
        })
    }
}

#[inline(always)]
fn index_of(cell: CellIndex) -> usize {
    cell.get() as usize - 1
}

//! Writers for threads that do not own one.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;

use super::writer::{Recorder, Writer};
use crate::labels::LabelSet;

/// Writers that any thread can record with: one per processor, of which each thread
/// uses one.
#[derive(Debug)]
pub(crate) struct WriterPool {
    writers: Box<[Arc<PooledWriter>]>,
}

/// A writer that threads share. On cache lines of its own together with its
/// reference count: two lines, because processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct PooledWriter {
    recorder: Arc<Recorder>,
    /// Created when it is first used.
    writer: Mutex<Option<Writer>>,
}

impl WriterPool {
    pub(crate) fn new(recorder: &Arc<Recorder>) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let writer =
            |_| Arc::new(PooledWriter { recorder: Arc::clone(recorder), writer: Mutex::default() });
        Self { writers: (0..threads).map(writer).collect() }
    }

    /// The writer of the calling thread.
    pub(crate) fn get(&self) -> Arc<PooledWriter> {
        Arc::clone(&self.writers[THREAD.with(|thread| *thread) % self.writers.len()])
    }
}

impl PooledWriter {
    /// Records one observation, from any thread. `own_value` returns the values of the app's
    /// own labels by their keys.
    pub(crate) fn record<'a>(
        &self,
        labels: LabelSet<'_>,
        is_trusted: bool,
        own_value: impl Fn(&str) -> &'a str,
        (nanos, bytes): (u64, u64),
    ) {
        let record = |writer: &mut Writer| {
            let own = writer.own_values(is_trusted, |_, key| own_value(key));
            if let Some(slot) = writer.slot(&LabelSet { own, ..labels }) {
                writer.record(slot, nanos, bytes);
            }
        };
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            // A logger has panicked within a record: the writer is whole.
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            // Never waits: a logger that records a call of its own while this thread
            // logs a full family would wait for itself.
            Err(TryLockError::WouldBlock) => return record(&mut self.recorder.writer()),
        };
        record(writer.get_or_insert_with(|| self.recorder.writer()));
    }
}

thread_local! {
    /// The number of the thread, which spreads threads over writers.
    static THREAD: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        // Relaxed: the numbers only have to differ.
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Recorder, WriterPool};
    use crate::labels::{CallKey, LabelSet, OwnValues, StatusLabel};
    use crate::store::buckets::Buckets;
    use crate::store::family::Family;

    #[test]
    fn a_writer_in_use_does_not_block_another_record() {
        let call = CallKey {
            name: None,
            kind: "amqp",
            status: StatusLabel::Word("ok"),
            is_error: false,
            method: "CONSUME",
        };
        let own = OwnValues::default();
        let labels = LabelSet { key: call.into(), addr: "orders", message: None, own };
        let family = Family::new(Buckets::new(&[1.0]), 10, Arc::default(), Arc::default());
        let family = Arc::new(family);
        let pooled = WriterPool::new(&Recorder::new(Arc::clone(&family))).get();
        let held = pooled.writer.lock();
        for _ in 0..2 {
            pooled.record(labels, true, |_| "", (0, 0));
        }
        drop(held);
        assert_eq!(family.shards().len(), 1, "the shard is handed on");
        assert_eq!(family.shards()[0].cells().count(), 1);
    }
}

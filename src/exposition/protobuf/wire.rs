//! The encoding of protobuf messages.

/// A message in progress. Fields are written one after the other, messages within it as
/// closures.
#[derive(Debug)]
pub(crate) struct Wire(Vec<u8>);

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

impl Wire {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// A field of type `uint32`, `uint64`, `int64` or an enum.
    pub(crate) fn uint(&mut self, field: u64, value: u64) {
        self.key(field, VARINT);
        self.varint(value);
    }

    /// A field of type `sint32` or `sint64`.
    pub(crate) fn sint(&mut self, field: u64, value: i64) {
        self.uint(field, zigzag(value));
    }

    /// A field of type `double`.
    pub(crate) fn double(&mut self, field: u64, value: f64) {
        self.key(field, EIGHT_BYTES);
        self.0.extend(value.to_le_bytes());
    }

    /// A field of type `string`.
    pub(crate) fn text(&mut self, field: u64, value: &str) {
        self.key(field, LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend(value.as_bytes());
    }

    /// A field of type `repeated sint64`, packed.
    pub(crate) fn sints(&mut self, field: u64, values: &[i64]) {
        self.message(field, |wire| values.iter().for_each(|value| wire.varint(zigzag(*value))));
    }

    /// A field that is a message.
    pub(crate) fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.key(field, LENGTH_DELIMITED);
        self.delimited(write);
    }

    /// A message after its length.
    pub(crate) fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        // Enough for the length of most messages.
        self.0.push(0);
        write(self);
        let mut length = Self(Vec::new());
        match self.0.len() - start - 1 {
            short @ ..0x80 => self.0[start] = short as u8,
            long => {
                length.varint(long as u64);
                self.0.splice(start..=start, length.0);
            }
        }
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[cfg(test)]
mod tests {
    use super::Wire;

    fn written(write: impl FnOnce(&mut Wire)) -> Vec<u8> {
        let mut wire = Wire::with_capacity(0);
        write(&mut wire);
        wire.finish()
    }

    #[test]
    fn integers_are_written_in_groups_of_seven_bits() {
        assert_eq!(written(|wire| wire.uint(1, 150)), [0x08, 0x96, 0x01]);
        assert_eq!(written(|wire| wire.uint(16, u64::MAX)).len(), 2 + 10);
        for (value, zigzag) in [(0, 0), (-1, 1), (1, 2), (-64, 127)] {
            assert_eq!(written(|wire| wire.sint(1, value)), [0x08, zigzag]);
        }
        assert_eq!(written(|wire| wire.sint(1, i64::MIN)).last(), Some(&1));
    }

    #[test]
    fn lengths_of_any_size_precede_their_messages() {
        for (length, prefix) in
            [(0, &[0][..]), (127, &[127]), (128, &[128, 1]), (20_000, &[160, 156, 1])]
        {
            let text = "x".repeat(length);
            let message = written(|wire| wire.delimited(|wire| wire.0.extend(text.as_bytes())));
            assert_eq!(message, [prefix, text.as_bytes()].concat());
        }
        let nested = written(|wire| wire.message(2, |wire| wire.sints(3, &[1, -1])));
        assert_eq!(nested, [0x12, 4, 0x1a, 2, 2, 1]);
        assert_eq!(written(|wire| wire.text(2, "é")), [0x12, 2, 0xc3, 0xa9]);
        assert_eq!(written(|wire| wire.double(1, 1.0)), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}

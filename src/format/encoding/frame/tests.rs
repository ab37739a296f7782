//! Exceptions are short where they can be, and are read back wherever they lie.

use super::*;

const SHAPE: Shape<u64> = Shape { order: 1 << 63, null: None };

fn decoded(bytes: &[u8], rows: usize) -> Vec<u64> {
    let frame = Frame::<u64>::parse(bytes, rows, 0).unwrap();
    let mut out = [0; VECTOR_ROWS];
    frame.decode_vector(0, &mut out).unwrap();
    out[..rows].to_vec()
}

/// Exceptions take no more bytes than their distance from the reference does, in units, above and below it.
#[test]
fn exceptions_are_as_short_as_they_can_be() {
    const UNIT: u64 = 1_000_000;
    let base = 1_503_619_200_000_000_000u64;
    for (far, kept) in
        [(100i64, 1), (-100, 1), (30_000, 2), (-30_000, 2), (2_000_000_000, 4), (-2_000_000_000, 4), (3_000_000_000, 8)]
    {
        for (delta, rest) in [(false, 0), (true, 0), (false, 1)] {
            let mut values: Vec<u64> = (0..VECTOR_ROWS as u64).map(|row| base + row % 4 * UNIT).collect();
            for row in (100..1_000).step_by(100) {
                values[row] = base.wrapping_add_signed(far * UNIT as i64 + rest);
            }
            let layout = Layout { delta, unit: UNIT };
            let mut bytes = Vec::new();
            encode(&values, SHAPE, layout, &mut bytes);
            assert_eq!(decoded(&bytes, VECTOR_ROWS), values, "{far} {delta}");
            let frame = Frame::<u64>::parse(&bytes, VECTOR_ROWS, 0).unwrap();
            let entry = frame.entry(0).unwrap();
            let each = entry.exceptions.values.len() / (entry.exceptions.positions.len() / 2).max(1);
            // What is no multiple of the unit stays as it is.
            let expected = if rest != 0 { 8 } else { kept };
            assert!(if delta { each <= kept.max(2) } else { each == expected }, "{far} {delta} {rest}: {each}");
            for row in [0, 100, 101, 900, 1_023] {
                assert_eq!(frame.pick(row).unwrap(), (!delta).then_some(values[row]), "{far} row {row}");
            }
        }
    }
}

#[test]
fn exceptions_wider_than_their_lanes_are_refused() {
    let mut bytes = Vec::new();
    encode(&[7u16; 3], Shape { order: 0, null: None }, Layout { delta: false, unit: 1 }, &mut bytes);
    for (flags, holds) in [(0, true), (2, true), (4, false), (6, false), (8, false)] {
        bytes[HEADER_BYTES + 7] = flags;
        let frame = Frame::<u16>::parse(&bytes, 3, 0).unwrap();
        assert_eq!(frame.decode_vector(0, &mut [0; VECTOR_ROWS]).is_ok(), holds, "flags {flags}");
    }
}

/// Running sums that were written before bounds were kept are read, and say nothing of their bounds.
#[test]
fn running_sums_without_bounds_are_read() {
    let values: Vec<u64> = (0..2_000).map(|row| 1_000 + 7 * row).collect();
    let mut bytes = Vec::new();
    encode(&values, SHAPE, Layout { delta: true, unit: 7 }, &mut bytes);
    let bounds = |bytes: &[u8]| Frame::<u64>::parse(bytes, values.len(), 0).unwrap().bounds(0, SHAPE.order).unwrap();
    assert!(bounds(&bytes).is_some());
    let (with, without) = (entry_bytes::<u64>(true, true), entry_bytes::<u64>(true, false));
    let mut old = bytes[..HEADER_BYTES].to_vec();
    old[0] = DELTA;
    for entry in bytes[HEADER_BYTES..HEADER_BYTES + 2 * with].chunks(with) {
        let offset = u32::read_le(entry) - 2 * (with - without) as u32;
        old.extend_from_slice(&offset.to_le_bytes());
        old.extend_from_slice(&entry[4..without]);
    }
    old.extend_from_slice(&bytes[HEADER_BYTES + 2 * with..]);
    assert_eq!(decoded(&old, VECTOR_ROWS), values[..VECTOR_ROWS]);
    assert_eq!(bounds(&old), None);
    old[0] = 2;
    assert!(Frame::<u64>::parse(&old, values.len(), 0).is_err());
}

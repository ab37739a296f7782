//! Which encoding a block gets: of those that the codec allows the smallest, by encoding a sample of its vectors.

use super::codec::Codec;
use super::decimal::{Digits, Scale};
use super::dictionary::Dictionary;
use super::frame::{self, Layout, Shape};
use super::{Encodable, Encoding, Lane, constant, pco, plain, run_length, zstd};
use crate::base::limits::{BLOCK_ROWS, VECTOR_ROWS};

/// One vector in so many is looked at.
const SAMPLE_STEP: usize = 8;

/// A block of fewer bytes is not handed to entropy coders: their headers alone take as much.
const WORTH_CODING_BYTES: usize = 64;

/// Appends a block of 1 to 65,536 values in the bit-packed encoding that is smallest by sampling. Panics on more values.
pub fn encode_block<T: Encodable>(values: &[T], out: &mut Vec<u8>) -> Encoding {
    encode_block_with(values, Codec::Balanced, out)
}

/// Appends a block of 1 to 65,536 values in the encoding that the codec leads to; never more than their plain bytes. Panics on more
/// values.
pub fn encode_block_with<T: Encodable>(values: &[T], codec: Codec, out: &mut Vec<u8>) -> Encoding {
    let lanes = lanes(values);
    let plain_bytes = lanes.len() * T::Lane::BYTES;
    let start = out.len();
    if let Codec::Encoding(wanted) = codec {
        if encode_lanes::<T>(&lanes, wanted, out) && out.len() - start <= plain_bytes.max(T::Lane::BYTES) {
            return wanted;
        }
        out.truncate(start);
    }
    let plan = plan::<T>(&lanes, codec == Codec::Fastest);
    let mut encoding = plan.encoding();
    plan.encode(&lanes, shape::<T>(), out);
    if out.len() - start > plain_bytes {
        out.truncate(start);
        plain::encode(&lanes, out);
        encoding = Encoding::Plain;
    }
    if codec == Codec::Smallest {
        let mut other = Vec::new();
        for candidate in [Encoding::Pco, Encoding::Zstd] {
            other.clear();
            if out.len() - start >= WORTH_CODING_BYTES
                && encode_lanes::<T>(&lanes, candidate, &mut other)
                && other.len() < out.len() - start
            {
                out.truncate(start);
                out.extend_from_slice(&other);
                encoding = candidate;
            }
        }
    }
    encoding
}

/// Appends a block in the encoding given; false, and nothing appended, where it cannot carry the values.
pub fn encode_block_as<T: Encodable>(values: &[T], encoding: Encoding, out: &mut Vec<u8>) -> bool {
    encode_lanes::<T>(&lanes(values), encoding, out)
}

fn lanes<T: Encodable>(values: &[T]) -> Vec<T::Lane> {
    assert!(values.len() <= BLOCK_ROWS, "a block has at most {BLOCK_ROWS} rows");
    values.iter().map(|value| value.to_lane()).collect()
}

fn encode_lanes<T: Encodable>(lanes: &[T::Lane], encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let all: Vec<usize> = (0..lanes.len().div_ceil(VECTOR_ROWS)).collect();
    let plan = match encoding {
        Encoding::Plain => Some(Plan::Plain),
        Encoding::Constant => lanes.windows(2).all(|pair| pair[0] == pair[1]).then_some(Plan::Constant),
        Encoding::RunLength => Some(Plan::RunLength),
        Encoding::Frame | Encoding::Delta => {
            let unit = frame::common_unit(lanes, shape::<T>());
            Some(Plan::Frame(Layout { delta: encoding == Encoding::Delta, unit }))
        }
        Encoding::Dictionary => Dictionary::of(lanes, T::ORDER, &all).map(Plan::Dictionary),
        Encoding::Decimal if T::FLOAT => Scale::of(lanes, T::NULL.to_lane())
            .map(|scale| Plan::Decimal(Digits::of(lanes, T::NULL.to_lane(), scale, &all))),
        Encoding::Decimal => None,
        Encoding::Pco => return pco::encode::<T>(lanes, out),
        Encoding::Zstd => return zstd::encode(lanes, out),
    };
    let Some(plan) = plan else { return false };
    plan.encode(lanes, shape::<T>(), out);
    true
}

enum Plan<L: Lane> {
    Plain,
    Constant,
    RunLength,
    Frame(Layout<L>),
    Dictionary(Dictionary<L>),
    Decimal(Digits<L>),
}

impl<L: Lane> Plan<L> {
    fn encoding(&self) -> Encoding {
        match self {
            Plan::Plain => Encoding::Plain,
            Plan::Constant => Encoding::Constant,
            Plan::RunLength => Encoding::RunLength,
            Plan::Frame(layout) if layout.delta => Encoding::Delta,
            Plan::Frame(_) => Encoding::Frame,
            Plan::Dictionary(_) => Encoding::Dictionary,
            Plan::Decimal(_) => Encoding::Decimal,
        }
    }

    fn encode(&self, lanes: &[L], shape: Shape<L>, out: &mut Vec<u8>) {
        match self {
            Plan::Plain => plain::encode(lanes, out),
            Plan::Constant => constant::encode(lanes.first().copied().unwrap_or(L::ZERO), out),
            Plan::RunLength => run_length::encode(lanes, out),
            Plan::Frame(layout) => frame::encode(lanes, shape, *layout, out),
            Plan::Dictionary(dictionary) => dictionary.encode(out),
            Plan::Decimal(digits) => digits.encode(out),
        }
    }
}

fn shape<T: Encodable>() -> Shape<T::Lane> {
    Shape { order: T::ORDER, null: Some(T::NULL.to_lane()) }
}

/// The smallest by sampling; `fast` leaves out what decodes slower than memory is read.
fn plan<T: Encodable>(lanes: &[T::Lane], fast: bool) -> Plan<T::Lane> {
    let plain_bytes = (lanes.len() * T::Lane::BYTES) as u64;
    let runs = run_length::run_count(lanes);
    if runs <= 1 {
        return Plan::Constant;
    }
    let mut best = (plain_bytes, Plan::Plain);
    let mut offer = |bytes: u64, plan: Plan<T::Lane>| {
        if bytes < best.0 {
            best = (bytes, plan);
        }
        best.0
    };
    offer(run_length::size_bytes::<T::Lane>(runs), Plan::RunLength);
    let vectors = sample(lanes.len().div_ceil(VECTOR_ROWS));
    if T::FLOAT && !fast {
        let null = T::NULL.to_lane();
        if let Some(scale) = Scale::of(lanes, null) {
            let digits = Digits::of(lanes, null, scale, &vectors);
            offer(digits.estimate(&vectors), Plan::Decimal(digits));
        }
    } else {
        let unit = frame::common_unit(lanes, shape::<T>());
        for delta in [false, true].into_iter().filter(|delta| !(fast && *delta)) {
            let layout = Layout { delta, unit };
            offer(frame::estimate(lanes, shape::<T>(), layout, &vectors), Plan::Frame(layout));
        }
    }
    if fast {
        return best.1;
    }
    // A dictionary is worth its hashing only where values repeat and what was found so far is not tiny.
    let least = offer(u64::MAX, Plan::Plain);
    let repeats = distinct_share(lanes, &vectors) <= 0.5;
    if repeats
        && least > lanes.len() as u64 / 16
        && let Some(dictionary) = Dictionary::of(lanes, T::ORDER, &vectors)
    {
        offer(dictionary.estimate(&vectors), Plan::Dictionary(dictionary));
    }
    best.1
}

/// Every eighth vector, and the last whole one; all of a short block.
fn sample(vectors: usize) -> Vec<usize> {
    if vectors <= SAMPLE_STEP {
        return (0..vectors).collect();
    }
    (SAMPLE_STEP / 2..vectors).step_by(SAMPLE_STEP).collect()
}

/// How large a share of a few sampled rows are the first of their value.
fn distinct_share<L: Lane>(lanes: &[L], vectors: &[usize]) -> f64 {
    let mut picked: Vec<L> =
        vectors.iter().flat_map(|&index| &lanes[frame::vector_range(index, lanes.len())]).copied().collect();
    let count = picked.len().max(1);
    picked.sort_unstable();
    picked.dedup();
    picked.len() as f64 / count as f64
}

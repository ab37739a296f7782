//! Blocks of bytes that are no numbers: the text of variable-width values, one after the other. Plain, or in zstd pieces.

use super::Encoding;
use super::codec::Codec;
use super::zstd::{self, ZstdBlock};
use crate::base::{Error, Result};
use std::ops::Range;

/// Bytes of a piece before compression: on text, 4 KiB cost a sixth of the gain, and more than this gains little.
const PIECE_BYTES: usize = 32 << 10;

/// Appends bytes in the encoding that the codec asks for: [`Encoding::Plain`] at the fastest level and where compression gains less
/// than an eighth, [`Encoding::Zstd`] otherwise. Codecs for numbers count as balanced.
pub fn encode_bytes_block(bytes: &[u8], codec: Codec, out: &mut Vec<u8>) -> Encoding {
    let start = out.len();
    let wanted = !matches!(codec, Codec::Fastest | Codec::Encoding(Encoding::Plain));
    if wanted && !bytes.is_empty() && zstd::encode_bytes(bytes, PIECE_BYTES, 0, out) {
        if out.len() - start <= bytes.len() - bytes.len() / 8 {
            return Encoding::Zstd;
        }
        out.truncate(start);
    }
    out.extend_from_slice(bytes);
    Encoding::Plain
}

/// A block of bytes over its encoded bytes.
#[derive(Clone, Debug)]
pub struct BytesBlock<'a> {
    size: usize,
    content: Content<'a>,
}

#[derive(Clone, Debug)]
enum Content<'a> {
    Plain(&'a [u8]),
    Zstd(ZstdBlock<'a>),
}

impl<'a> BytesBlock<'a> {
    /// Looks at header and directory. Errs of kind `Corrupt` where they do not fit `size` bytes before compression; allocates nothing.
    pub fn parse(encoding: Encoding, bytes: &'a [u8], size: usize) -> Result<Self> {
        let content = match encoding {
            Encoding::Plain => Content::Plain(
                bytes
                    .get(..size)
                    .ok_or_else(|| Error::corrupt(format!("a plain block of {size} bytes has {}", bytes.len())))?,
            ),
            Encoding::Zstd => Content::Zstd(ZstdBlock::of_bytes(bytes, size)?),
            other => return Err(Error::corrupt(format!("a block of bytes is encoded as {}", other.name()))),
        };
        Ok(BytesBlock { size, content })
    }

    /// Bytes before compression.
    pub fn size_bytes(&self) -> usize {
        self.size
    }

    /// A reader that keeps the last piece it decompressed: for many ranges in ascending order.
    pub fn reader(&self) -> BytesReader<'_, 'a> {
        BytesReader { block: self, piece: Vec::new(), index: usize::MAX, read_bytes: 0 }
    }
}

/// Reads ranges of a block of bytes.
#[derive(Debug)]
pub struct BytesReader<'b, 'a> {
    block: &'b BytesBlock<'a>,
    piece: Vec<u8>,
    /// Which piece that is.
    index: usize,
    read_bytes: u64,
}

impl BytesReader<'_, '_> {
    /// Appends a range of the bytes before compression. Decompresses the pieces that it touches, at most once while ranges ascend. Errs
    /// of kind `Corrupt` beyond the block and where a piece does not decompress.
    pub fn read(&mut self, range: Range<usize>, out: &mut Vec<u8>) -> Result<()> {
        if range.start > range.end || range.end > self.block.size {
            return Err(Error::corrupt(format!("bytes {range:?} of a block of {}", self.block.size)));
        }
        let zstd = match &self.block.content {
            Content::Plain(bytes) => {
                self.read_bytes += range.len() as u64;
                out.extend_from_slice(&bytes[range]);
                return Ok(());
            }
            Content::Zstd(zstd) => zstd,
        };
        let mut at = range.start;
        while at < range.end {
            let index = at / zstd.piece_bytes();
            if index != self.index {
                self.index = usize::MAX;
                zstd.decode_piece(index, &mut self.piece)?;
                self.index = index;
                self.read_bytes += zstd.stored_bytes(index)?;
            }
            let first = index * zstd.piece_bytes();
            let end = range.end.min(first + zstd.piece_bytes());
            out.extend_from_slice(&self.piece[at - first..end - first]);
            at = end;
        }
        Ok(())
    }

    /// Encoded bytes that were read so far.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODECS: [Codec; 4] = [Codec::Fastest, Codec::Balanced, Codec::Smallest, Codec::Encoding(Encoding::Zstd)];

    fn text(size: usize) -> Vec<u8> {
        let words = ["market ", "order ", "was cancelled; ", "id=", "€ ", "0"];
        (0..).flat_map(|at| words[at * at % 7 % 6].bytes()).take(size).collect()
    }

    fn check(bytes: &[u8], codec: Codec, ranges: &[Range<usize>]) -> Encoding {
        let mut encoded = vec![7];
        let encoding = encode_bytes_block(bytes, codec, &mut encoded);
        assert!(encoded.len() <= 1 + bytes.len());
        let block = BytesBlock::parse(encoding, &encoded[1..], bytes.len()).unwrap();
        let mut reader = block.reader();
        let mut out = Vec::new();
        reader.read(0..bytes.len(), &mut out).unwrap();
        assert!(out == bytes && reader.read_bytes() < encoded.len() as u64 || bytes.is_empty());
        for range in ranges {
            out.clear();
            reader.read(range.clone(), &mut out).unwrap();
            assert!(out == bytes[range.clone()], "{range:?}");
        }
        let end = bytes.len();
        assert!(reader.read(end..end + 1, &mut out).is_err());
        encoding
    }

    #[test]
    fn every_range_comes_back() {
        let piece = PIECE_BYTES;
        for size in [0, 1, 100, piece - 1, piece, piece + 1, 5 * piece + 77] {
            let ranges = [0, 1, piece / 2, piece, piece + 1, 3 * piece, size].map(|at| at.min(size));
            let ranges: Vec<_> = ranges.iter().flat_map(|&a| ranges.map(|b| a.min(b)..a.max(b))).collect();
            for codec in CODECS {
                let encoding = check(&text(size), codec, &ranges);
                let plain = codec == Codec::Fastest || size < 100;
                assert_eq!(encoding == Encoding::Plain, plain, "{size} {codec:?}");
            }
        }
        let mut state = 88_172_645_463_325_252u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        let noise: Vec<u8> = noise.take(piece).collect();
        assert_eq!(check(&noise, Codec::Smallest, &[]), Encoding::Plain);
    }

    proptest! {
        /// Any damage is an error or other bytes; what is allocated is a piece.
        #[test]
        fn damage_never_panics(
            size in 0usize..100_000,
            hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            said in 0usize..200_000,
        ) {
            let mut bytes = Vec::new();
            let encoding = encode_bytes_block(&text(size), Codec::Smallest, &mut bytes);
            let hits = if bytes.is_empty() { Vec::new() } else { hits };
            for (at, value) in &hits {
                let (near, any) = (at.index(bytes.len().min(40)), at.index(bytes.len()));
                bytes[near] ^= value;
                bytes[any] = *value;
                for said in [size, said] {
                    if let Ok(block) = BytesBlock::parse(encoding, &bytes, said) {
                        let mut out = Vec::new();
                        let _ = block.reader().read(0..said, &mut out);
                        assert!(out.len() <= said);
                    }
                }
            }
        }
    }
}

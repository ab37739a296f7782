//! Codecs: what a schema may ask of a column's sealed blocks, a level or an encoding by name.

use super::Encoding;
use crate::base::ColumnType;

/// How sealed blocks of a column are encoded: by a goal, or by the name of an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Codec {
    /// The encodings that decode at memory speed, the smallest of them for each block: plain, constant, run lengths, frames. Text
    /// stays plain.
    Fastest,
    /// Of all bit-packed encodings the smallest for each block: also deltas, dictionaries and decimals. Text is compressed.
    #[default]
    Balanced,
    /// The smallest result whatever decoding costs: the balanced encoding, pco or zstd, block by block.
    Smallest,
    /// This encoding wherever it carries a block's values in no more than their plain bytes, the balanced one elsewhere.
    Encoding(Encoding),
}

impl Codec {
    /// Encodings that a schema may ask for by name, with what they are good at.
    pub const ENCODINGS: [(&'static str, Encoding, &'static str); 9] = [
        ("raw", Encoding::Plain, "values as they are"),
        ("constant", Encoding::Constant, "blocks of one value"),
        ("run_length", Encoding::RunLength, "values that repeat in runs"),
        ("bit_packed", Encoding::Frame, "integers within a narrow range"),
        ("delta", Encoding::Delta, "integers and times that ascend"),
        ("dictionary", Encoding::Dictionary, "few distinct values"),
        ("decimal", Encoding::Decimal, "floats that are short decimals, such as prices"),
        ("pco", Encoding::Pco, "numbers, small rather than fast"),
        ("zstd", Encoding::Zstd, "anything, small rather than fast"),
    ];

    /// The word in schemas.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Fastest => "fastest",
            Codec::Balanced => "balanced",
            Codec::Smallest => "smallest",
            Codec::Encoding(encoding) => {
                Self::ENCODINGS.iter().find(|(_, known, _)| *known == encoding).map_or("balanced", |(name, ..)| name)
            }
        }
    }

    /// The codec of a word, none for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "fastest" => Some(Codec::Fastest),
            "balanced" => Some(Codec::Balanced),
            "smallest" => Some(Codec::Smallest),
            _ => Self::ENCODINGS
                .iter()
                .find(|(known, ..)| *known == name)
                .map(|(_, encoding, _)| Codec::Encoding(*encoding)),
        }
    }

    /// All words that a schema may write.
    pub fn names() -> Vec<&'static str> {
        ["fastest", "balanced", "smallest"].into_iter().chain(Self::ENCODINGS.iter().map(|(name, ..)| *name)).collect()
    }

    /// True where the codec can encode values of a type.
    pub fn fits(self, column_type: ColumnType) -> bool {
        let whole = column_type.is_integer() || matches!(column_type, ColumnType::DateTime | ColumnType::Char);
        match self {
            Codec::Encoding(Encoding::Decimal) => column_type.is_floating(),
            Codec::Encoding(Encoding::Delta | Encoding::Frame) => whole || column_type == ColumnType::String,
            Codec::Encoding(Encoding::Pco) => whole || column_type.is_floating(),
            _ => true,
        }
    }
}

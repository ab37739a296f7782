//! Every limit of the library in one place, each with its reason.

/// Bytes of a namespace, table, column or partition name: with a suffix it must fit a file name (255 bytes).
pub const NAME_BYTES_MAX: usize = 200;
/// Columns of a table: a row's file handles must stay within what a process may open, and a commit record within a page set.
pub const COLUMN_COUNT_MAX: usize = 10_000;
/// Bytes of one CSV field: beyond this an unclosed quote is likelier than a value.
pub const CSV_FIELD_BYTES_MAX: usize = 16 << 20;
/// Bytes of one CSV record.
pub const CSV_RECORD_BYTES_MAX: usize = 64 << 20;
/// Bytes of one string value: offsets within a block stay 32-bit.
pub const STRING_BYTES_MAX: usize = 64 << 20;
/// Longer strings are hardly symbols.
pub const SYMBOL_BYTES: usize = 4 << 10;
/// Bytes of such longer strings in the symbol tables of a location that is written: its writer holds them in memory. Those of all strings may take an
/// eighth of the machine's memory, and no less than this.
pub const LARGE_SYMBOLS_BYTES_MAX: usize = 192 << 20;
/// Bytes of one array with everything in it, the arrays, texts and numbers of nested ones too: whoever reads a row holds its values whole.
pub const VALUE_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a number of any length: reading and printing its digits takes quadratic time.
pub const BIG_NUMBER_BYTES_MAX: usize = 64 << 10;
/// Bytes of a formula or filter.
pub const FORMULA_BYTES_MAX: usize = 64 << 10;
/// Nesting of a formula: recursion over it must not reach the end of a 2 MiB stack.
pub const FORMULA_DEPTH_MAX: usize = 200;
/// Bytes of a schema file.
pub const SCHEMA_BYTES_MAX: usize = 4 << 20;
/// Bytes of a schema's key formula: one line that a person wrote.
pub const KEY_FORMULA_BYTES_MAX: usize = 4 << 10;
/// Bytes of a small checksummed metadata record: a damaged length must not ask for memory.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Rows of a sealed block: large enough to amortise its header, small enough to skip by zone map.
pub const BLOCK_ROWS: usize = 65_536;
/// Rows of a vector, the unit of random access into a block.
pub const VECTOR_ROWS: usize = 1_024;
/// Rows of a chunk that operations pass around: a handful of columns stay in the second-level cache.
pub const CHUNK_ROWS: usize = 4_096;
/// Rows of a `join`, which may be the product of two tables: each costs two row keys (16 bytes).
pub const JOIN_ROWS_MAX: u64 = 1 << 30;

//! real
/// A directory of the operating system.
pub struct RealFileSystem;

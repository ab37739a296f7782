//! Fields of a page by their offset, little-endian: what the slots of commit files and group files are made of. All panic where the page is shorter, as
//! slices do; whoever calls has checked its size.

/// Writes bytes.
pub(super) fn put<const N: usize>(page: &mut [u8], at: usize, bytes: [u8; N]) {
    page[at..at + N].copy_from_slice(&bytes);
}

/// The bytes.
pub(super) fn get<const N: usize>(page: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&page[at..at + N]);
    bytes
}

/// A number of four bytes.
pub(super) fn u32_at(page: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(get(page, at))
}

/// A number of eight bytes.
pub(super) fn u64_at(page: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(get(page, at))
}

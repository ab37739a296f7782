//! Identities of locations: random, and alike where one location took the place of another, so that whoever merged the one knows the other's rows
//! for what they may be, the same once more.

/// Bytes that a location has in common with the one whose place it took.
const FAMILY_BYTES: usize = 8;

/// A new identity; that of a successor where a location takes the place of another.
pub(in crate::storage) fn new_identity(place_of: Option<[u8; 16]>) -> [u8; 16] {
    let mut identity = uuid::Uuid::new_v4().into_bytes();
    if let Some(old) = place_of.filter(|old| *old != [0; 16]) {
        identity[..FAMILY_BYTES].copy_from_slice(&old[..FAMILY_BYTES]);
        // The last eight bytes of a random UUID have 62 random bits.
    }
    identity
}

/// True where a location took the place of another, perhaps with others in between.
pub(in crate::storage) fn took_place(new: [u8; 16], old: [u8; 16]) -> bool {
    new != old && old != [0; 16] && new[..FAMILY_BYTES] == old[..FAMILY_BYTES]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successors_are_known() {
        let (first, stranger) = (new_identity(None), new_identity(None));
        let second = new_identity(Some(first));
        let third = new_identity(Some(second));
        assert!(took_place(second, first) && took_place(third, first) && took_place(third, second));
        assert!(
            !took_place(first, first)
                && !took_place(stranger, first)
                && !took_place(new_identity(Some([0; 16])), [0; 16])
        );
    }
}

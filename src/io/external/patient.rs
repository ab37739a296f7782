//! Reading from whom one may have to wait for: a pipe, a terminal.
//!
//! **Invariant:** the wait ends within a moment of Ctrl-C. A plain read would go on waiting, for the handler runs in another thread or
//! lets the read resume.

use super::Descriptor;
use crate::io::interrupt;
use std::io::{Cursor, Error, Read, Result};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Between two questions for Ctrl-C while there is no input.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);
const PIECE_BYTES: usize = 64 << 10;

/// A reader whose wait Ctrl-C ends, with the library's `Cancelled` inside of the error. Another thread waits in its place; after
/// Ctrl-C that one stays behind until its read returns or the process ends.
pub(super) struct Patient {
    pieces: Receiver<Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
}

impl Patient {
    pub(super) fn start(fd: OwnedFd) -> Result<Self> {
        let (sender, pieces) = sync_channel(1);
        std::thread::Builder::new().spawn(move || {
            let mut from = Descriptor(fd);
            let mut buffer = vec![0; PIECE_BYTES];
            loop {
                let read = from.read(&mut buffer).map(|count| buffer[..count].to_vec());
                // An empty piece is the end: the reader sees after it that nobody sends any more.
                let goes_on = read.as_ref().is_ok_and(|piece| !piece.is_empty());
                if sender.send(read).is_err() || !goes_on {
                    return;
                }
            }
        })?;
        Ok(Patient { pieces, piece: Cursor::default() })
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.piece.position() == self.piece.get_ref().len() as u64 {
            interrupt::check().map_err(Error::other)?;
            match self.pieces.recv_timeout(CHECK_INTERVAL) {
                Ok(piece) => self.piece = Cursor::new(piece?),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        self.piece.read(buffer)
    }
}

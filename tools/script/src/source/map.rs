//! Where each byte of a rewritten script comes from, so that errors keep the user's own line and column.

/// Text that is being written, with the place in the source of each piece.
#[derive(Debug, Default)]
pub(crate) struct MappedText {
    text: String,
    pieces: Vec<Piece>,
}

/// From `out` on, text comes from `source`: byte by byte if `verbatim`, otherwise all of it from that one place.
#[derive(Clone, Copy, Debug)]
struct Piece {
    out: usize,
    source: usize,
    verbatim: bool,
}

impl MappedText {
    /// Appends text that stands at `source`, unchanged.
    pub(crate) fn copy(&mut self, text: &str, source: usize) {
        self.push(text, source, true);
    }

    /// Appends text that stands in place of what is at `source`.
    pub(crate) fn replace(&mut self, text: &str, source: usize) {
        self.push(text, source, false);
    }

    fn push(&mut self, text: &str, source: usize, verbatim: bool) {
        if text.is_empty() {
            return;
        }
        let out = self.text.len();
        let continues = self
            .pieces
            .last()
            .is_some_and(|last| last.verbatim && verbatim && last.source.checked_add(out - last.out) == Some(source));
        if !continues {
            self.pieces.push(Piece { out, source, verbatim });
        }
        self.text.push_str(text);
    }

    /// The text so far.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The place in the source of a byte of the text.
    pub(crate) fn source_offset(&self, out: usize) -> usize {
        let at = self.pieces.partition_point(|piece| piece.out <= out);
        match at.checked_sub(1).map(|at| self.pieces[at]) {
            Some(piece) if piece.verbatim => piece.source + (out - piece.out),
            Some(piece) => piece.source,
            None => 0,
        }
    }
}

/// Line and column, both from 1, of a byte of a text; columns count characters. Beyond the end is the end.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (u64, u64) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&b| b == b'\n').count() as u64 + 1;
    (line, before[line_start..].chars().count() as u64 + 1)
}

/// The text of a line (from 1), without its end; empty beyond the end.
pub(crate) fn line_text(text: &str, line: u64) -> &str {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    text.split('\n').nth(index).unwrap_or("").trim_end_matches('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back() {
        let source = "ab\ncdé f";
        let mut out = MappedText::default();
        out.replace("(", 3);
        out.copy("cdé", 3);
        out.copy(" f", 7);
        out.replace(")", 9);
        assert_eq!(out.text(), "(cdé f)");
        let places: Vec<_> =
            [0, 1, 2, 6, 7].into_iter().map(|at| line_and_column(source, out.source_offset(at))).collect();
        assert_eq!(places, [(2, 1), (2, 1), (2, 2), (2, 5), (2, 6)].map(|p: (u64, u64)| p));
        assert_eq!(line_text(source, 2), "cdé f");
        assert_eq!(line_text(source, 9), "");
        assert_eq!(line_and_column(source, 99), (2, 6));
    }
}

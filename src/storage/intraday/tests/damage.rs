//! Damaged files: every flipped bit, cut and loss gives the same rows or an error that names the file.

//! `writeCsv`: a table as a file of delimited text, in a directory that the caller allows and nowhere else.

use super::output::{Format, TextOptions, write_table};
use crate::base::{Error, Result};
use crate::engine::Table;
use crate::io::{self, File, FileSystem};
use std::io::Write;
use std::path::{Component, Path};

/// Writes all rows, as `readCsv` and imports read them back, to a file below the root of `directory`; gives their number. A file of the name is
/// replaced, at one instant and when all is written. Errs for names that would lead out of the directory.
pub fn write_csv(table: &Table, directory: &dyn FileSystem, name: &str) -> Result<u64> {
    let path = Path::new(name);
    let is_plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !is_plain || file_name.is_empty() || name.ends_with('/') || io::is_temporary(file_name) {
        return Err(Error::invalid(format!("{name:?} names no file within the directory that scripts may write to"))
            .hint("give a path relative to it, without .."));
    }
    io::publish_with(directory, path, &mut |file| {
        let mut output = Output { file, offset: 0 };
        write_table(table, Format::Csv, &TextOptions::default(), &mut output)
    })?;
    table.row_count()
}

/// A file from its beginning on.
struct Output<'a> {
    file: &'a dyn File,
    offset: u64,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all_at(bytes, self.offset).map_err(std::io::Error::other)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::formula::QueryScope;
    use crate::io::SimulatedFileSystem;

    #[test]
    fn files_are_written_whole_and_nowhere_else() {
        let fs = SimulatedFileSystem::new(1);
        let table =
            |rows: u64| Table::empty_table(rows).unwrap().update(&["A=i", "B=`x`+i"], &QueryScope::default()).unwrap();
        assert_eq!(write_csv(&table(3), &fs, "a.csv").unwrap(), 3);
        assert_eq!(write_csv(&table(1), &fs, "a.csv").unwrap(), 1);
        assert_eq!(io::read_small(&fs, Path::new("a.csv"), 100).unwrap(), b"A,B\n0,x0\n");
        for name in ["", "../a.csv", "/a.csv", "x/../../a.csv", "./a.csv", "..", "a.csv/", "b.tmp-1-1"] {
            assert!(write_csv(&table(1), &fs, name).is_err(), "{name}");
        }
        assert!(write_csv(&table(1), &fs, "missing/a.csv").unwrap_err().is_not_found());
        // What fails while it is written leaves what was there.
        let broken = Table::empty_table(1).unwrap().view(&["A=`a`.charAt(5)"], &QueryScope::default()).unwrap();
        assert!(write_csv(&broken, &fs, "a.csv").is_err());
        let names: Vec<String> = fs.list(Path::new("")).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["a.csv"]);
        assert_eq!(io::read_small(&fs, Path::new("a.csv"), 100).unwrap(), b"A,B\n0,x0\n");
    }
}

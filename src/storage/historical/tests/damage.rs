//! Damaged locations: whatever is flipped, cut, zeroed or missing, reading gives an error or the very same values.

use super::*;
use crate::io::OpenMode;
use crate::io::simulated::SimulatedFileSystem;

fn small() -> (Arc<dyn FileSystem>, TableDefinition) {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(3));
    let definition = TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Bid", ColumnType::Double),
        ColumnDefinition::new("Size", ColumnType::Int),
    ])
    .unwrap();
    let columns = [
        ("Sym", Chunk::strings([Some("SPY"), Some("A"), None, Some("SPY")]).unwrap()),
        ("Bid", Chunk::Double(vec![12.25, f64::NAN, -f64::MAX, 12.5])),
        ("Size", Chunk::Int(vec![3, 3, 3, 3])),
    ];
    let fixture = Fixture::over(fs.clone());
    let options = MergeOptions { threads: 1, ..MergeOptions::default() };
    fixture.merge_with(&[Rows::of("a", &columns)], &definition, &[], &options, &|_| Ok(())).unwrap();
    (fs, definition)
}

/// Every file with its content.
fn contents(fs: &Arc<dyn FileSystem>) -> Vec<(PathBuf, Vec<u8>)> {
    let files = Fixture::over(fs.clone()).files();
    files
        .into_iter()
        .map(|path| (path.clone().into(), io::read_small(&**fs, Path::new(&path), 1 << 20).unwrap()))
        .collect()
}

fn overwrite(fs: &Arc<dyn FileSystem>, path: &Path, bytes: &[u8]) {
    let file = fs.open(path, OpenMode::Write).unwrap();
    file.set_size(bytes.len() as u64).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

#[test]
fn every_flipped_bit_is_seen() {
    let (fs, definition) = small();
    let good = read_all(fs.clone(), &definition).unwrap();
    let files = contents(&fs);
    assert_eq!(files.len(), 7, "{files:?}");
    for (path, content) in &files {
        for bit in 0..content.len() * 8 {
            let mut damaged = content.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            overwrite(&fs, path, &damaged);
            match read_all(fs.clone(), &definition) {
                Ok(found) => assert!(found == good, "{} bit {bit} gives wrong values", path.display()),
                Err(error) => {
                    assert!(error.is_corrupt(), "{error}");
                    assert!(error.path().is_some(), "{error}");
                }
            }
        }
        overwrite(&fs, path, content);
    }
    assert!(read_all(fs, &definition).unwrap() == good);
}

#[test]
fn cut_zeroed_and_missing_files_are_errors() {
    let (fs, definition) = small();
    let good = read_all(fs.clone(), &definition).unwrap();
    for (path, content) in contents(&fs) {
        let damaged_forms = (0..content.len()).flat_map(|length| {
            let mut zeroed = content.clone();
            zeroed[length..].fill(0);
            [content[..length].to_vec(), zeroed]
        });
        for damaged in damaged_forms.chain([[&content[..], &[0]].concat()]).filter(|damaged| *damaged != content) {
            overwrite(&fs, &path, &damaged);
            let error = read_all(fs.clone(), &definition).unwrap_err();
            assert!(error.is_corrupt(), "{} with {} bytes: {error}", path.display(), damaged.len());
        }
        let directory = path.parent().unwrap();
        if directory.ends_with(".published") {
            overwrite(&fs, &path, &content);
            continue;
        }
        fs.remove_file(&path).unwrap();
        let error = read_all(fs.clone(), &definition).unwrap_err();
        assert!(error.is_corrupt() && error.path().is_some(), "{}: {error}", path.display());
        let file = fs.open(&path, OpenMode::CreateNew).unwrap();
        file.write_all_at(&content, 0).unwrap();
    }
    assert!(read_all(fs, &definition).unwrap() == good);
}

#[test]
fn a_file_of_another_version_is_refused() {
    let (fs, definition) = small();
    let old = contents(&fs);
    let options = MergeOptions { force: true, threads: 1, ..MergeOptions::default() };
    let columns = [
        ("Sym", Chunk::strings([Some("SPY"), Some("A"), None, Some("SPY")]).unwrap()),
        ("Bid", Chunk::Double(vec![99.0; 4])),
        ("Size", Chunk::Int(vec![4; 4])),
    ];
    let fixture = Fixture::over(fs.clone());
    fixture.merge_with(&[Rows::of("a", &columns)], &definition, &[], &options, &|_| Ok(())).unwrap();
    for (path, _) in contents(&fs) {
        let name = path.file_name().unwrap();
        let (_, earlier) = old.iter().find(|(old_path, _)| old_path.file_name() == Some(name)).unwrap();
        let now = io::read_small(&*fs, &path, 1 << 20).unwrap();
        if *earlier == now {
            continue;
        }
        overwrite(&fs, &path, earlier);
        assert!(read_all(fs.clone(), &definition).unwrap_err().is_corrupt(), "{}", path.display());
        overwrite(&fs, &path, &now);
    }
}

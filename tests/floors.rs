//! The floors of the library: a module imports lower ones only, and nothing imports in a circle.
//!
//! Reads the `crate::…` paths of every source file under `src/`, in `use` items and in expressions. The engine's view of
//! storage is narrower still: the names that `storage` re-exports from `location`, `region` and `read_stats`.
#![expect(clippy::disallowed_methods, reason = "reads the sources, not data")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Floors from the ground up.
const FLOORS: [&str; 7] = ["base", "memory", "io", "format", "storage", "engine", "session"];

/// What the engine may name of storage.
const ENGINE_SEES: [&str; 13] = [
    "location",
    "region",
    "read_stats",
    "ColumnRegion",
    "GroupingIndex",
    "Location",
    "LocationHandle",
    "LocationKey",
    "LocationSource",
    "ReadCounts",
    "ReadStats",
    "TableKind",
    "Zone",
];

/// One reference from a file to a path inside the crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    file: String,
    line: usize,
    from: String,
    path: Vec<String>,
}

#[test]
fn imports_run_downwards() {
    let references = references_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(references.len() > 20, "the reader of sources found only {} references", references.len());
    let violations = violations(&references);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn a_broken_floor_is_seen() {
    for (file, source, expected) in [
        ("memory/x.rs", "use crate::storage::Zone;", Some("memory imports storage")),
        ("base/x.rs", "fn f() { let _ = crate::io::real::RealFileSystem; }", Some("base imports io")),
        ("format/x.rs", "use crate::{base::Result, engine::Table};", Some("format imports engine")),
        (
            "format/x.rs",
            "use crate::{\n    base::{Error, Result},\n    session::{\n  Database}};",
            Some("format imports session"),
        ),
        ("engine/x.rs", "use crate::storage::schema::TableSchema;", Some("engine sees storage::schema")),
        ("engine/x.rs", "use crate::storage::{self, Zone, catalog};", Some("engine sees storage::catalog")),
        ("engine/x.rs", "use crate::storage::{Zone, location::Location};", None),
        ("storage/x.rs", "use crate::io::FileSystem; // not crate::engine::Table", None),
        ("storage/x.rs", "/// like [`crate::engine::Table`]\nuse crate::storage::Zone;", None),
        ("storage/x.rs", "let s = \"crate::engine::Table\";", None),
        ("lib.rs", "pub mod base;", None),
        ("engine/a.rs", "pub(crate) use super::super::session::Database;", Some("engine imports session")),
    ] {
        let found = violations(&references_in(file, source));
        match expected {
            Some(part) => assert!(found.iter().any(|v| v.contains(part)), "{source}: {found:?}"),
            None => assert!(found.is_empty(), "{source}: {found:?}"),
        }
    }
}

#[test]
fn modules_do_not_import_in_circles_within_storage() {
    // Within a floor the folders of storage are rooms of their own: a circle among them would mean that they cannot be split.
    let references = references_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for r in &references {
        if let (Some(from), [floor, to, ..]) = (r.from.strip_prefix("storage/"), &r.path[..]) {
            let is_module = to.chars().next().is_some_and(char::is_lowercase);
            if floor == "storage" && is_module && from != to {
                edges.entry(from.to_string()).or_default().insert(to.clone());
            }
        }
    }
    for start in edges.keys() {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(at) = todo.pop() {
            for next in edges.get(&at).into_iter().flatten() {
                assert_ne!(next, start, "storage::{start} imports itself through storage::{at}");
                if seen.insert(next.clone()) {
                    todo.push(next.clone());
                }
            }
        }
    }
}

fn violations(references: &[Reference]) -> Vec<String> {
    let floor = |name: &str| FLOORS.iter().position(|f| *f == name);
    references
        .iter()
        .filter_map(|r| {
            let from = r.from.split('/').next().unwrap_or_default();
            let (from_floor, to) = (floor(from)?, r.path.first()?);
            let place = format!("{}:{}", r.file, r.line);
            if floor(to)? > from_floor {
                return Some(format!("{place}: {from} imports {to}, a higher floor"));
            }
            let seen = r.path.get(1).filter(|name| *name != "self" && *name != "*")?;
            (from == "engine" && to == "storage" && !ENGINE_SEES.contains(&seen.as_str()))
                .then(|| format!("{place}: engine sees storage::{seen}"))
        })
        .collect()
}

fn references_below(source: &Path) -> Vec<Reference> {
    let mut files: Vec<PathBuf> = vec![source.to_path_buf()];
    let mut references = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(source).unwrap().to_string_lossy().replace('\\', "/");
            references.extend(references_in(&name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    references
}

/// The module (`floor` or `floor/module`) that a file belongs to.
fn module_of(file: &str) -> String {
    let parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    match parts[..] {
        [floor] | [floor, "mod"] => floor.to_string(),
        [floor, module, ..] => format!("{floor}/{module}"),
        [] => String::new(),
    }
}

fn references_in(file: &str, source: &str) -> Vec<Reference> {
    let mut code = without_comments_and_strings(source);
    let depth = file.trim_end_matches("mod.rs").trim_end_matches(".rs").split('/').filter(|p| !p.is_empty()).count();
    code = code.replace(&vec!["super"; depth].join("::"), "crate");
    let from = module_of(file);
    let mut references = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        for path in expand(&code[at + "crate::".len()..]) {
            references.push(Reference { file: file.to_string(), line, from: from.clone(), path });
        }
    }
    references
}

/// The paths that a `use` tree names: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<Vec<String>> {
    fn tree(text: &str, at: &mut usize, prefix: &[String], out: &mut Vec<Vec<String>>) {
        let bytes = text.as_bytes();
        let mut path = prefix.to_vec();
        loop {
            while bytes.get(*at).is_some_and(u8::is_ascii_whitespace) {
                *at += 1;
            }
            let start = *at;
            while bytes.get(*at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'*') {
                *at += 1;
            }
            if *at > start {
                path.push(text[start..*at].to_string());
            }
            if text[*at..].starts_with("::") {
                *at += 2;
                if bytes.get(*at) == Some(&b'{') {
                    *at += 1;
                    list(text, at, &path, out);
                    return;
                }
                continue;
            }
            if bytes.get(*at) == Some(&b'{') && path.len() == prefix.len() {
                *at += 1;
                list(text, at, &path, out);
                return;
            }
            out.push(path);
            return;
        }
    }
    fn list(text: &str, at: &mut usize, prefix: &[String], out: &mut Vec<Vec<String>>) {
        let bytes = text.as_bytes();
        while *at < bytes.len() && bytes[*at] != b'}' {
            let before = *at;
            tree(text, at, prefix, out);
            while *at < bytes.len() && bytes[*at] != b',' && bytes[*at] != b'}' {
                *at += 1;
            }
            if bytes.get(*at) == Some(&b',') {
                *at += 1;
            }
            if *at == before {
                return;
            }
        }
        *at += 1;
    }
    let mut out = Vec::new();
    tree(text, &mut 0, &[], &mut out);
    out.retain(|path| !path.is_empty());
    out
}

/// The source with comments and string literals blanked, lines kept.
fn without_comments_and_strings(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let (c, next) = (chars[at], chars.get(at + 1).copied());
        if c == '/' && next == Some('/') {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '/' && next == Some('*') {
            while at < chars.len() && !(chars[at] == '*' && chars.get(at + 1) == Some(&'/')) {
                if chars[at] == '\n' {
                    out.push('\n');
                }
                at += 1;
            }
            at += 2;
        } else if c == '\'' && (next == Some('\\') || chars.get(at + 2) == Some(&'\'')) {
            // A character literal, so that '"' does not open a string.
            at += if next == Some('\\') { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
            out.push(' ');
        } else if c == '"' || (c == 'r' && raw_hashes(&chars, at + 1).is_some() && !is_word(&chars, at)) {
            let hashes = if c == '"' { None } else { raw_hashes(&chars, at + 1) };
            at += 1 + hashes.map_or(0, |h| h + 1);
            while at < chars.len() {
                if chars[at] == '\n' {
                    out.push('\n');
                }
                if hashes.is_none() && chars[at] == '\\' {
                    at += 1;
                } else if chars[at] == '"' && chars[at + 1..].iter().take(hashes.unwrap_or(0)).all(|c| *c == '#') {
                    at += 1 + hashes.unwrap_or(0);
                    break;
                }
                at += 1;
            }
            out.push_str("\"\"");
        } else {
            out.push(c);
            at += 1;
        }
    }
    out
}

fn is_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

/// How many `#` a raw string has whose `r` stands before `at`; none where no raw string starts.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    (chars.get(at + hashes) == Some(&'"')).then_some(hashes)
}

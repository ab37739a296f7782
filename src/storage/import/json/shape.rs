//! Which names lead to which field of a record.

use super::scanner::{Scanner, Token, Why, unescape};
use crate::base::limits::COLUMN_COUNT_MAX;
use std::collections::HashMap;

/// Names that a path has at most: what lies deeper is text.
pub(super) const PATH_NAMES_MAX: usize = 32;

/// Bytes of a path: no column is called so.
pub(super) const PATH_BYTES_MAX: usize = 4 << 10;

/// A tree of names. Node 0 is the object itself.
#[derive(Debug, Default)]
pub(in crate::storage::import) struct Shape {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    entries: Vec<Entry>,
    by_name: HashMap<Box<[u8]>, usize, foldhash::fast::FixedState>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    name: Box<[u8]>,
    /// The field that the value is, if anybody wants it.
    pub(super) field: Option<usize>,
    /// The node of the names in it, if it is an object of which somebody wants something.
    pub(super) child: Option<usize>,
}

impl Shape {
    /// The tree of some paths; the field of each is its position, or the one that is given with it.
    pub(in crate::storage::import) fn new<'a>(paths: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut shape = Shape { nodes: vec![Node::default()] };
        for (path, field) in paths {
            // A name may have dots in it itself.
            shape.entry(0, path.as_bytes()).field = Some(field);
            let mut node = 0;
            let mut names = path.split('.').peekable();
            let mut count = 0;
            while let Some(name) = names.next() {
                count += 1;
                if names.peek().is_none() || count >= PATH_NAMES_MAX {
                    if names.peek().is_none() {
                        shape.entry(node, name.as_bytes()).field = Some(field);
                    }
                    break;
                }
                let next = shape.nodes.len();
                let child = *shape.entry(node, name.as_bytes()).child.get_or_insert(next);
                if child == next {
                    shape.nodes.push(Node::default());
                }
                node = child;
            }
        }
        shape
    }

    fn entry(&mut self, node: usize, name: &[u8]) -> &mut Entry {
        let node = &mut self.nodes[node];
        let at = *node.by_name.entry(name.into()).or_insert_with(|| {
            node.entries.push(Entry { name: name.into(), ..Entry::default() });
            node.entries.len() - 1
        });
        &mut node.entries[at]
    }

    /// The entry of a name. Objects usually have their names in the same order, which `hint` follows.
    #[inline(always)]
    pub(super) fn find(&self, node: usize, name: &[u8], hint: &mut usize) -> Option<&Entry> {
        let node = &self.nodes[node];
        if let Some(entry) = node.entries.get(*hint)
            && *entry.name == *name
        {
            *hint += 1;
            return Some(entry);
        }
        let at = *node.by_name.get(name)?;
        *hint = at + 1;
        Some(&node.entries[at])
    }
}

/// Calls `each` with the path and value of every leaf of the object that begins here, empty objects left out.
pub(super) fn leaves(
    scanner: &mut Scanner<'_>,
    scratch: &mut Vec<u8>,
    each: &mut dyn FnMut(&str, Token),
) -> Result<(), Why> {
    let mut path = String::new();
    // Where the path of each open object ends.
    let mut open: Vec<usize> = Vec::new();
    if scanner.next() != Some(b'{') {
        return Err("it is not an object");
    }
    let mut begins = true;
    loop {
        if begins {
            scanner.at += 1;
            open.push(path.len());
            if scanner.next() == Some(b'}') {
                begins = false;
                continue;
            }
        } else {
            match scanner.next() {
                Some(b',') => scanner.at += 1,
                Some(b'}') => {
                    scanner.at += 1;
                    open.pop();
                    match open.last() {
                        Some(&end) => path.truncate(end),
                        None => return Ok(()),
                    }
                    continue;
                }
                _ => return Err("a comma or the object's end is missing"),
            }
        }
        begins = false;
        let end = path.len();
        if scanner.next() != Some(b'"') {
            return Err("a name in quotes is missing");
        }
        let name = scanner.string()?;
        if end + text(name, scanner.bytes, scratch).len() >= PATH_BYTES_MAX {
            return Err("the name of a field has more than 4096 bytes, with those around it");
        }
        if end > 0 {
            path.push('.');
        }
        path.push_str(text(name, scanner.bytes, scratch));
        if scanner.next() != Some(b':') {
            return Err("a colon is missing");
        }
        scanner.at += 1;
        if scanner.next() == Some(b'{') && open.len() < PATH_NAMES_MAX {
            begins = true;
            continue;
        }
        let token = scanner.value()?;
        each(&path, token);
        path.truncate(end);
    }
}

/// The text of a string.
pub(super) fn text<'a>(token: Token, bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a str {
    let text = match token {
        Token::Text { start, end, escaped: false } => &bytes[start..end],
        Token::Text { start, end, .. } => unescape(&bytes[start..end], scratch),
        _ => &[],
    };
    std::str::from_utf8(text).unwrap_or_default()
}

/// The paths of the leaves of the objects of a text in order of first appearance, those of damaged ones left out; at most one more than a file may have.
pub(in crate::storage::import) fn paths(bytes: &[u8], form: super::JsonForm) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut known: std::collections::HashSet<String> = std::collections::HashSet::new();
    let mut scratch = Vec::new();
    super::objects::for_each_object(bytes, 0, form, &mut |range| {
        let mut scanner = Scanner { bytes: &bytes[..range.end], at: range.start };
        let (mut found, mut fresh) = (Vec::new(), std::collections::HashSet::new());
        let mut each = |path: &str, _| {
            if found.len() <= COLUMN_COUNT_MAX && !known.contains(path) && fresh.insert(path.to_string()) {
                found.push(path.to_string());
            }
        };
        let whole = leaves(&mut scanner, &mut scratch, &mut each).is_ok();
        for path in found.into_iter().filter(|_| whole) {
            if known.insert(path.clone()) {
                all.push(path);
            }
        }
        (all.len() <= COLUMN_COUNT_MAX).then_some(if whole { scanner.at } else { range.end })
    });
    all
}

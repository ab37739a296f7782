//! Opening several locations as of one instant.

use super::GroupView;
use crate::base::{Error, ErrorKind, Result};
use crate::format::group::GROUP_FILE;
use crate::io::FileSystem;
use crate::storage::intraday::location::{AsOf, IntradayHandle, IntradayLocation};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How often a look is repeated that was overtaken. Locations that were are looked at first the next time, and a writer needs longer to commit to a
/// location than a reader to look at it, so a few do.
const ATTEMPTS: usize = 1_000;
/// How often a look is repeated that was overtaken although nothing was published meanwhile: a writer may die between two looks.
const UNCHANGED_MAX: usize = 16;

/// Opens locations so that each commit over several of them is seen in all of them or in none. One result for each, in order: damage in
/// one is that one's error.
///
/// Costs what opening them one by one does, and a look at the group file of each source; what was overtaken by commits meanwhile is looked at again.
pub fn open_together(handles: &[IntradayHandle]) -> Vec<Result<Arc<IntradayLocation>>> {
    look_together(handles, &vec![None; handles.len()])
}

/// As [`open_together`], where `before` has earlier versions of some of the locations: what they verified is not verified again. Whoever needs to
/// know asks whether the versions continue those.
pub(crate) fn look_together(
    handles: &[IntradayHandle],
    before: &[Option<Arc<IntradayLocation>>],
) -> Vec<Result<Arc<IntradayLocation>>> {
    let mut sources: BTreeMap<&Path, Vec<usize>> = BTreeMap::new();
    for (at, handle) in handles.iter().enumerate() {
        sources.entry(handle.directory().parent().unwrap_or(Path::new(""))).or_default().push(at);
    }
    let mut results: Vec<Option<Result<Arc<IntradayLocation>>>> = handles.iter().map(|_| None).collect();
    for (source, members) in sources {
        if let [alone] = members[..]
            && before[alone].is_none()
        {
            results[alone] = Some(handles[alone].open_intraday());
            continue;
        }
        for (at, result) in members.iter().zip(open_source(source, &members, handles, before)) {
            results[*at] = Some(result);
        }
    }
    results.into_iter().map(|result| result.unwrap_or_else(|| Err(Error::invalid("no such location")))).collect()
}

fn open_source(
    source: &Path,
    members: &[usize],
    handles: &[IntradayHandle],
    before: &[Option<Arc<IntradayLocation>>],
) -> Vec<Result<Arc<IntradayLocation>>> {
    let fs = handles[members[0]].fs();
    let mut opened: Vec<Option<Result<Arc<IntradayLocation>>>> =
        members.iter().map(|&member| before[member].clone().map(Ok)).collect();
    // Those that were overtaken come first: the less time passes since the view was taken, the less can happen.
    let mut order: Vec<usize> = (0..members.len()).collect();
    let mut before_view: Option<GroupView> = None;
    let (mut unchanged, mut stuck) = (0, Vec::new());
    for _ in 0..ATTEMPTS {
        let view = match look(&**fs, source) {
            Ok(view) => view,
            Err(error) => return members.iter().map(|_| Err(again(&error))).collect(),
        };
        // Whoever overtakes has published what came before; records that are ahead of what is published and stays so were not written by anybody.
        unchanged = if before_view.as_ref() == Some(&view) { unchanged + 1 } else { 0 };
        if unchanged >= UNCHANGED_MAX {
            let error = Error::corrupt(
                "records of the source's locations are ahead of the group file by more than one commit",
            )
            .at_path(&fs.display(&source.join(GROUP_FILE)))
            .hint("the group file is older than its locations: bring back the newer one, from a backup for example");
            return opened_or(opened, &stuck, &error);
        }
        before_view = Some(view.clone());
        let work = |&at: &usize| {
            let before = opened[at].as_ref().and_then(|result| result.as_ref().ok());
            (at, handles[members[at]].open_as_of(&view, before))
        };
        let looks: Vec<(usize, Result<AsOf>)> = match order.len() {
            ..16 => order.iter().map(work).collect(),
            _ => order.par_iter().map(work).collect(),
        };
        let mut overtaken = Vec::new();
        for (at, look) in looks {
            match look {
                Ok(AsOf::Location(location)) => opened[at] = Some(Ok(location)),
                Ok(AsOf::Overtaken) => overtaken.push(at),
                Err(error) => opened[at] = Some(Err(error)),
            }
        }
        if overtaken.is_empty() {
            return opened.into_iter().map(|result| result.unwrap_or_else(|| Err(busy(&**fs, source)))).collect();
        }
        let mut rest: Vec<usize> = (0..members.len()).filter(|at| !overtaken.contains(at)).collect();
        stuck.clone_from(&overtaken);
        order = overtaken;
        order.append(&mut rest);
        std::thread::yield_now();
    }
    members.iter().map(|_| Err(busy(&**fs, source))).collect()
}

/// What was opened, and the error for those that were overtaken.
fn opened_or(
    opened: Vec<Option<Result<Arc<IntradayLocation>>>>,
    overtaken: &[usize],
    error: &Error,
) -> Vec<Result<Arc<IntradayLocation>>> {
    let result = |(at, result): (usize, Option<Result<Arc<IntradayLocation>>>)| match result {
        Some(result) if !overtaken.contains(&at) => result,
        _ => Err(again(error)),
    };
    opened.into_iter().enumerate().map(result).collect()
}

fn look(fs: &dyn FileSystem, source: &Path) -> Result<GroupView> {
    Ok(GroupView::read(fs, source)?.unwrap_or_default())
}

fn busy(fs: &dyn FileSystem, source: &Path) -> Error {
    Error::new(
        ErrorKind::Locked,
        "commits over several partitions followed each other too fast for a look at all of them",
    )
    .at_path(&fs.display(source))
    .hint("try again")
}

/// The same error for another location.
fn again(error: &Error) -> Error {
    let same = Error::new(error.kind(), error.message().to_string());
    match error.path() {
        Some(path) => same.at_path(path),
        None => same,
    }
}

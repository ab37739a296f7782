//! `pilaster tail`.

use crate::args::Format;
use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::limits::CHUNK_ROWS;
use pilaster::base::{Error, Result, TableDefinition};
use pilaster::io::interrupt;
use pilaster::session::output::{self, RowWriter};
use pilaster::storage::tail::{TailEvent, TailRows, TailSelection, TailStart, Tailer};
use std::io::Write;
use std::time::Duration;

/// Between two questions for Ctrl-C.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Follow a table: print rows as they are committed
///
/// Prints the last rows of the table's intraday partitions and then, until Ctrl-C, each row that is committed, those of new partitions too: once, and in
/// order within a partition and source. --format json prints an object a line. Where it ends it says the position, from which --from goes on.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster tail --namespace Market --table Trades --partition 2017-08-25 -n 5 --format csv")]
pub(crate) struct Tail {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// This column partition only
    #[arg(long, value_name = "VALUE")]
    partition: Option<String>,
    /// This source only
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How many rows to begin with
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 10, conflicts_with = "from")]
    rows: u64,
    /// Where to begin: start, end, or a position that an earlier run ended with
    #[arg(long, value_name = "POSITION", value_parser = parse_start)]
    from: Option<TailStart>,
    /// Print what there is, and end
    #[arg(long)]
    no_follow: bool,
}

fn parse_start(text: &str) -> Result<TailStart> {
    match text {
        "start" => Ok(TailStart::Start),
        "end" => Ok(TailStart::End),
        position => position.parse().map(TailStart::At),
    }
}

impl Tail {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        context.warn_of_network(table.root());
        let selection = TailSelection { source: self.source, column_partition: self.partition };
        let mut tailer = table.tail(selection, self.from.unwrap_or(TailStart::LastRows(self.rows)))?;
        if tailer.is_polling() && !self.no_follow {
            context.say_more("changes are noticed by looking again and again: the system tells of none");
        }
        let format = match context.format() {
            Format::Table => output::Format::Table,
            Format::Csv => output::Format::Csv,
            _ => output::Format::JsonLines,
        };
        let definition = &table.schema().definition;
        let mut writer = RowWriter::new(definition, format, None);
        let followed = follow(&mut tailer, definition, &mut writer, context, self.no_follow);
        if !matches!(followed, Err(Failure::ClosedPipe)) {
            context.say(&format!("position: {}", tailer.position()));
        }
        followed
    }
}

fn follow(
    tailer: &mut Tailer,
    definition: &TableDefinition,
    writer: &mut RowWriter,
    context: &Context,
    no_follow: bool,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let timeout = if no_follow { Duration::ZERO } else { CHECK_INTERVAL };
    loop {
        let events = tailer.next(timeout)?;
        if events.is_empty() && no_follow {
            writer.finish(&mut out)?;
            out.flush()?;
            return Ok(());
        }
        let mut lost: Option<Error> = None;
        for event in events {
            match event {
                TailEvent::Rows(rows) if lost.is_none() => print(&rows, definition, writer, &mut out)?,
                TailEvent::Rows(_) => {}
                TailEvent::Removed(key) => context.say(&format!("partition {key} was removed")),
                TailEvent::RolledBack { error, .. } => lost = lost.or(Some(error)),
            }
        }
        out.flush()?;
        if let Some(error) = lost {
            return Err(error.into());
        }
        interrupt::check()?;
    }
}

fn print(
    rows: &TailRows,
    definition: &TableDefinition,
    writer: &mut RowWriter,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let all = rows.rows();
    let mut at = all.start;
    while at < all.end {
        interrupt::check()?;
        let end = all.end.min(at + CHUNK_ROWS as u64);
        writer.write(&rows.read(definition, at..end)?, out)?;
        at = end;
    }
    Ok(())
}

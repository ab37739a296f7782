//! `pilaster schema evolve`.

use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::{ColumnKind, ColumnType, Error};
use pilaster::session::key_formula;
use pilaster::storage::TableSchema;
use pilaster::storage::schema::{self, Codec, SchemaChange};
use std::io::Write;
use std::path::Path;

/// Change a deployed schema
///
/// Nothing that is stored is rewritten: added columns are null in stored rows, renamed ones go on under their new names, wider types (byte to short to int to long, int to double, float to double,
/// integers to BigInteger and BigDecimal, char to String, arrays of these) read what is stored exactly, dropped columns are left unread. A type that is not wider is refused: drop the
/// column and add it anew, which is null in stored rows, or export, change, and import again. Changes are made in the order in which the flags are listed here.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pilaster schema evolve --namespace Market --table Trades --add Venue=String --add Fee=double
  pilaster schema evolve --namespace Market --table Trades --rename Px=Price --type Size=long
  pilaster schema evolve --namespace Market --table Trades --drop Flag --add Flag=String --dry-run")]
pub(crate) struct Evolve {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// A column less; may be repeated, as the following
    #[arg(long = "drop", value_name = "COL")]
    dropped: Vec<String>,
    /// A dropped column back, with what is stored of it
    #[arg(long = "restore", value_name = "COL")]
    restored: Vec<String>,
    /// Another name for a column
    #[arg(long = "rename", value_name = "COL=NEW")]
    renamed: Vec<String>,
    /// A wider type for a column
    #[arg(long = "type", value_name = "COL=TYPE")]
    types: Vec<String>,
    /// A column more, behind the others
    #[arg(long = "add", value_name = "COL=TYPE")]
    added: Vec<String>,
    /// Whether merges group by a column: grouping or normal
    #[arg(long = "kind", value_name = "COL=KIND")]
    kinds: Vec<String>,
    /// How merges encode a column
    #[arg(long = "codec", value_name = "COL=CODEC")]
    codecs: Vec<String>,
    /// What a column means
    #[arg(long = "doc", value_name = "COL=TEXT")]
    docs: Vec<String>,
    /// The columns by which merges sort, in order; none for an empty text
    #[arg(long, value_name = "NAMES")]
    sort: Option<String>,
    /// Print the new schema and what becomes of stored columns instead of deploying it
    #[arg(long)]
    dry_run: bool,
}

impl Evolve {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let root = context.root()?;
        let changes = self.changes()?;
        if changes.is_empty() {
            return Err(Error::invalid("no change was asked for")
                .hint("--add COL=TYPE adds a column; --help lists the others")
                .into());
        }
        // A formula that speaks of a column that goes, or is called something else, must not be deployed.
        let planned = schema::evolve(&**root.fs(), &self.namespace, &self.table, &changes, true)?;
        TableSchema::from_toml_with(&planned.text, Path::new("the changed schema"), &key_formula::check)?;
        let evolved = schema::evolve(&**root.fs(), &self.namespace, &self.table, &changes, self.dry_run)?;
        for change in &evolved.changes {
            context.say(&format!("{}.{}: {change}", self.namespace, self.table));
        }
        if self.dry_run {
            std::io::stdout().lock().write_all(evolved.text.as_bytes())?;
        }
        Ok(())
    }

    fn changes(&self) -> Result<Vec<SchemaChange>, Failure> {
        let mut changes: Vec<SchemaChange> = self.dropped.iter().cloned().map(SchemaChange::Drop).collect();
        changes.extend(self.restored.iter().cloned().map(SchemaChange::Restore));
        for text in &self.renamed {
            let (from, to) = pair(text)?;
            changes.push(SchemaChange::Rename { from: from.to_string(), to: to.to_string() });
        }
        for text in &self.types {
            let (name, column_type) = typed(text)?;
            changes.push(SchemaChange::Type(name, column_type));
        }
        for text in &self.added {
            let (name, column_type) = typed(text)?;
            changes.push(SchemaChange::Add(name, column_type));
        }
        for text in &self.kinds {
            let (name, kind) = pair(text)?;
            let kind = match kind {
                "grouping" => ColumnKind::Grouping,
                "normal" => ColumnKind::Normal,
                _ => {
                    return Err(Error::invalid(format!("unknown kind {kind:?}"))
                        .hint("the kinds are grouping and normal")
                        .into());
                }
            };
            changes.push(SchemaChange::Kind(name.to_string(), kind));
        }
        for text in &self.codecs {
            let (name, codec) = pair(text)?;
            let codec = Codec::from_name(codec).ok_or_else(|| Error::invalid(format!("unknown codec {codec:?}")))?;
            changes.push(SchemaChange::Codec(name.to_string(), codec));
        }
        for text in &self.docs {
            let (name, doc) = pair(text)?;
            changes.push(SchemaChange::Doc(name.to_string(), doc.to_string()));
        }
        if let Some(sort) = &self.sort {
            let names = sort.split(',').map(str::trim).filter(|name| !name.is_empty());
            changes.push(SchemaChange::Sort(names.map(str::to_string).collect()));
        }
        Ok(changes)
    }
}

fn typed(text: &str) -> Result<(String, ColumnType), Failure> {
    let (name, column_type) = pair(text)?;
    Ok((name.to_string(), column_type.parse()?))
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value.trim())),
        _ => Err(Error::invalid(format!("{text:?} is not of the form COL=…")).into()),
    }
}

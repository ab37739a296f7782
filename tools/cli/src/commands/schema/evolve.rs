//! `pilaster schema evolve`.

use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::{ColumnKind, ColumnType, Error, TableDefinition};
use pilaster::storage::TableSchema;
use pilaster::storage::schema::{self, ColumnSchema};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Change a deployed schema
///
/// Adds columns, which are null in the rows that are there already and need no rewriting, and changes what merges from now on make of columns. What contradicts stored rows is refused:
/// to drop a column or give it another type, export, change, and import again.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pilaster schema evolve --namespace Market --table Trades --add Venue=String --add Fee=double
  pilaster schema evolve --namespace Market --table Trades --kind Sym=grouping --sort Time --dry-run")]
pub(crate) struct Evolve {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// A column more, behind the others; may be repeated, as the following
    #[arg(long = "add", value_name = "COL=TYPE")]
    added: Vec<String>,
    /// A column less
    #[arg(long = "drop", value_name = "COL")]
    dropped: Vec<String>,
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
    /// Print the new schema instead of deploying it
    #[arg(long)]
    dry_run: bool,
}

impl Evolve {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let root = context.root()?;
        let mut schema = schema::require(&**root.fs(), &self.namespace, &self.table)?;
        let mut changes = Vec::new();
        for text in &self.added {
            let (name, column_type) = pair(text)?;
            if schema.column(name).is_some() {
                return Err(Error::invalid(format!("the table has a column {name} already")).into());
            }
            let column_type: ColumnType = column_type.parse()?;
            changes.push(format!("column {name} ({column_type}) is added"));
            schema.columns.push(ColumnSchema {
                name: name.to_string(),
                column_type,
                kind: ColumnKind::default(),
                symbol: Default::default(),
                codec: Default::default(),
                codec_name: None,
                doc: String::new(),
            });
        }
        for name in &self.dropped {
            column(&mut schema, name)?;
            schema.columns.retain(|column| column.name != *name);
            changes.push(format!("column {name} is dropped"));
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
            column(&mut schema, name)?.kind = kind;
            changes.push(format!("column {name} is {}", schema::kind_name(kind)));
        }
        for text in &self.codecs {
            let (name, codec) = pair(text)?;
            let known =
                schema::Codec::from_name(codec).ok_or_else(|| Error::invalid(format!("unknown codec {codec:?}")))?;
            column(&mut schema, name)?.codec = known;
            changes.push(format!("column {name} is encoded by {codec}"));
        }
        for text in &self.docs {
            let (name, doc) = pair(text)?;
            column(&mut schema, name)?.doc = doc.to_string();
            changes.push(format!("column {name} is described"));
        }
        if let Some(sort) = &self.sort {
            schema.sort_columns =
                sort.split(',').map(|name| name.trim().to_string()).filter(|name| !name.is_empty()).collect();
            changes.push(format!(
                "merges sort by {}",
                if schema.sort_columns.is_empty() { "nothing" } else { sort.as_str() }
            ));
        }
        if changes.is_empty() {
            return Err(Error::invalid("no change was asked for")
                .hint("--add COL=TYPE adds a column; --help lists the others")
                .into());
        }
        let definitions = schema.columns.iter().map(ColumnSchema::definition).collect();
        schema.definition = Arc::new(TableDefinition::new(definitions)?);
        let text = schema.to_toml();
        // Whatever the flags made of it must be a schema.
        TableSchema::from_toml(&text, Path::new("the changed schema"))?;
        if self.dry_run {
            std::io::stdout().lock().write_all(text.as_bytes())?;
            return Ok(());
        }
        schema::deploy(&**root.fs(), &text, Path::new("the changed schema"), false)?;
        for change in changes {
            context.say(&format!("{}: {change}", schema.full_name()));
        }
        Ok(())
    }
}

fn column<'a>(schema: &'a mut TableSchema, name: &str) -> Result<&'a mut ColumnSchema, Failure> {
    let table = schema.full_name();
    let found = schema.columns.iter_mut().find(|column| column.name == name);
    found.ok_or_else(|| Error::not_found(format!("{table} has no column {name}")).into())
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value.trim())),
        _ => Err(Error::invalid(format!("{text:?} is not of the form COL=…")).into()),
    }
}

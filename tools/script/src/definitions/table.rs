//! Methods of tables.

use super::{aggregations, updates};
use crate::definition::{Call, Definition, Failure};
use crate::handle::Handle;
use crate::value::ScriptValue;
use pilaster::base::{Error, Result};
use pilaster::engine::formula::QueryScope;
use pilaster::engine::operation::aggregate::Aggregation;
use pilaster::engine::{OperationRecord, Table};
use pilaster::memory::Chunk;

/// All methods.
pub(super) const METHODS: &[Definition] = &[
    formulas(&["where"], &["*filters"], |call| with_filters(call, |table, texts, scope| table.filter(texts, scope))),
    formulas(&["whereOneOf"], &["*filters"], |call| {
        with_filters(call, |table, texts, scope| table.filter_one_of(texts, scope))
    }),
    names(&["whereIn"], &["table", "*columns"], |call| {
        table(call.table()?.where_in(call.table_argument(0)?, &call.names(1)?))
    }),
    names(&["whereNotIn"], &["table", "*columns"], |call| {
        table(call.table()?.where_not_in(call.table_argument(0)?, &call.names(1)?))
    }),
    formulas(&["select"], &["*columns"], |call| with_formulas(call, |table, texts, scope| table.select(texts, scope))),
    formulas(&["view"], &["*columns"], |call| with_formulas(call, |table, texts, scope| table.view(texts, scope))),
    formulas(&["update"], &["*columns"], |call| with_formulas(call, |table, texts, scope| table.update(texts, scope))),
    formulas(&["updateView"], &["*columns"], |call| {
        with_formulas(call, |table, texts, scope| table.update_view(texts, scope))
    }),
    formulas(&["lazyUpdate"], &["*columns"], |call| {
        with_formulas(call, |table, texts, scope| table.lazy_update(texts, scope))
    }),
    formulas(&["selectDistinct"], &["*columns"], |call| {
        with_formulas(call, |table, texts, scope| table.select_distinct(texts, scope))
    }),
    names(&["dropColumns"], &["*columns"], |call| with_names(call, |table, names| table.drop_columns(names))),
    names(&["renameColumns"], &["*columns"], |call| with_names(call, |table, names| table.rename_columns(names))),
    names(&["moveColumns"], &["index", "*columns"], |call| {
        table(call.table()?.move_columns(call.int(0)?, &call.names(1)?))
    }),
    names(&["moveUpColumns", "moveColumnsUp"], &["*columns"], |call| {
        with_names(call, |table, names| table.move_columns_up(names))
    }),
    names(&["moveDownColumns", "moveColumnsDown"], &["*columns"], |call| {
        with_names(call, |table, names| table.move_columns_down(names))
    }),
    names(&["sort"], &["*columns"], |call| with_names(call, |table, names| table.sort(names))),
    names(&["sortDescending"], &["*columns"], |call| with_names(call, |table, names| table.sort_descending(names))),
    names(&["reverse"], &[], |call| table(call.table()?.reverse())),
    names(&["head"], &["rows"], |call| table(call.table()?.head(call.int(0)?))),
    names(&["tail"], &["rows"], |call| table(call.table()?.tail(call.int(0)?))),
    names(&["headPct"], &["share"], |call| table(call.table()?.head_pct(call.number(0)?))),
    names(&["tailPct"], &["share"], |call| table(call.table()?.tail_pct(call.number(0)?))),
    names(&["slice"], &["first", "end"], |call| table(call.table()?.slice(call.int(0)?, call.int(1)?))),
    names(&["headBy"], &["rows", "*keys"], |call| table(call.table()?.head_by(call.int(0)?, &call.names(1)?))),
    names(&["tailBy"], &["rows", "*keys"], |call| table(call.table()?.tail_by(call.int(0)?, &call.names(1)?))),
    names(&["by", "groupBy"], &["*keys"], by),
    names(&["ungroup"], &["*columns"], |call| with_names(call, |table, columns| table.ungroup(columns))),
    formulas(&["applyToAllBy"], &["formula", "*keys"], |call| {
        let keys = call.names(1)?;
        with_texts(call, vec![(0, call.text(0)?.to_owned())], |table, texts, scope| {
            table.apply_to_all_by(&texts[0], &keys, scope)
        })
    }),
    names(&["firstBy"], &["*keys"], |call| with_names(call, |table, keys| table.first_by(keys))),
    names(&["lastBy"], &["*keys"], |call| with_names(call, |table, keys| table.last_by(keys))),
    names(&["sumBy"], &["*keys"], |call| with_names(call, |table, keys| table.sum_by(keys))),
    names(&["absSumBy"], &["*keys"], |call| with_names(call, |table, keys| table.abs_sum_by(keys))),
    names(&["avgBy"], &["*keys"], |call| with_names(call, |table, keys| table.avg_by(keys))),
    names(&["stdBy"], &["*keys"], |call| with_names(call, |table, keys| table.std_by(keys))),
    names(&["varBy"], &["*keys"], |call| with_names(call, |table, keys| table.var_by(keys))),
    names(&["medianBy"], &["*keys"], |call| with_names(call, |table, keys| table.median_by(keys))),
    names(&["minBy"], &["*keys"], |call| with_names(call, |table, keys| table.min_by(keys))),
    names(&["maxBy"], &["*keys"], |call| with_names(call, |table, keys| table.max_by(keys))),
    names(&["wavgBy"], &["wcol", "*keys"], |call| table(call.table()?.wavg_by(call.text(0)?, &call.names(1)?))),
    names(&["wsumBy"], &["wcol", "*keys"], |call| table(call.table()?.wsum_by(call.text(0)?, &call.names(1)?))),
    names(&["aggBy"], &["aggs", "*by"], combined),
    names(&["updateBy"], &["ops", "*by"], |call| {
        table(call.table()?.update_by(&updates::updates(call, 0)?, &call.names(1)?))
    }),
    names(&["byExternal", "partitionBy"], &["*by"], |call| {
        Ok(ScriptValue::Handle(Handle::Map(call.table()?.partition_by(&call.names(0)?)?)))
    }),
    names(&["countBy"], &["name", "*keys"], |call| table(call.table()?.count_by(call.text(0)?, &call.names(1)?))),
    names(&["naturalJoin"], &["table", "on", "*joins"], |call| {
        table(call.table()?.natural_join(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["exactJoin"], &["table", "on", "*joins"], |call| {
        table(call.table()?.exact_join(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["leftJoin"], &["table", "on", "*joins"], |call| {
        table(call.table()?.left_join(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["join"], &["table", "on?", "*joins"], |call| {
        table(call.table()?.join(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["aj"], &["table", "on", "*joins"], |call| {
        table(call.table()?.aj(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["raj"], &["table", "on", "*joins"], |call| {
        table(call.table()?.raj(call.table_argument(0)?, &call.names_at(1)?, &call.names(2)?))
    }),
    names(&["merge"], &["*tables"], |call| {
        let mut tables = vec![call.table()?.clone()];
        tables.extend(call.tables(0)?);
        table(Table::merge(&tables))
    }),
    names(&["getMeta", "metaTable"], &[], |call| table(call.table()?.get_meta())),
    names(&["explain"], &[], |call| table(explain(call.table()?))),
    names(&["size"], &[], |call| Ok(ScriptValue::Int(call.table()?.row_count()? as i64))),
    names(&["getColumnNames", "columnNames"], &[], |call| {
        let names = call.table()?.column_names().into_iter().map(|name| ScriptValue::Text(name.to_owned()));
        Ok(ScriptValue::List(names.collect()))
    }),
];

/// The operations that a table comes of, a row each.
fn explain(of: &Table) -> Result<Table> {
    let steps = of.explain()?;
    let long = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok()).unwrap_or(i64::MIN);
    let longs = |value: &dyn Fn(&OperationRecord) -> Option<u64>| {
        Chunk::Long(steps.iter().map(|step| long(value(step))).collect())
    };
    let columns = vec![
        ("Operation", Chunk::strings(steps.iter().map(|step| Some(step.name)))?),
        ("Arguments", Chunk::strings(steps.iter().map(|step| Some(step.arguments.as_str())))?),
        ("RowsIn", longs(&|step| step.rows_in)),
        ("RowsOut", longs(&|step| step.rows_out)),
        ("LocationsOpened", longs(&|step| step.locations.map(|(opened, _)| opened as u64))),
        ("Locations", longs(&|step| step.locations.map(|(_, all)| all as u64))),
        ("ValuesRead", longs(&|step| Some(step.reads.values_read))),
        ("BytesRead", longs(&|step| Some(step.reads.bytes_read))),
        (
            "Strategy",
            Chunk::strings(steps.iter().map(|step| Some(step.strategy.as_str()).filter(|way| !way.is_empty())))?,
        ),
        ("Milliseconds", Chunk::Double(steps.iter().map(|step| step.milliseconds).collect())),
    ];
    Table::new_table(columns.into_iter().map(|(name, chunk)| (name.to_owned(), chunk)).collect())
}

/// What a definition runs.
type Run = fn(&Call<'_>) -> Result<ScriptValue, Failure>;

/// A method that takes formulas.
const fn formulas(names: &'static [&'static str], parameters: &'static [&'static str], run: Run) -> Definition {
    Definition { names, parameters, run }
}

/// A method that takes column names and plain values.
const fn names(names: &'static [&'static str], parameters: &'static [&'static str], run: Run) -> Definition {
    Definition { names, parameters, run }
}

/// `aggBy([AggSum("A"), …], "Key", …)`.
fn combined(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    let aggregates = aggregations::aggregates(call, 0, 1)?;
    let formulas = aggregates.iter().flat_map(|aggregate| match &aggregate.aggregation {
        Aggregation::CountWhere(filters) => filters.as_slice(),
        Aggregation::Formula { formula, .. } => std::slice::from_ref(formula),
        _ => &[],
    });
    let scope = call.query_scope(formulas.map(String::as_str))?;
    table(call.table()?.agg_by(&aggregates, &call.names(1)?, &scope))
}

/// `by("Key", …)`, or `by(AggCombo(…), "Key", …)`.
fn by(call: &Call<'_>) -> Result<ScriptValue, Failure> {
    if call.argument(0).is_some_and(aggregations::is_aggregates) {
        return combined(call);
    }
    with_names(call, |table, keys| table.by(keys))
}

fn table(table: Result<Table>) -> Result<ScriptValue, Failure> {
    Ok(ScriptValue::Table(table?))
}

fn with_names(call: &Call<'_>, operation: impl Fn(&Table, &[String]) -> Result<Table>) -> Result<ScriptValue, Failure> {
    let names = call.names(0)?;
    operation(call.table()?, &names).map(ScriptValue::Table).map_err(|error| {
        // Which of the arguments names what the error is about.
        let argument = call.strings(0).ok().and_then(|strings| {
            let quoted = |text: &str| text.split([',', '=']).any(|name| mentions(error.message(), name.trim()));
            strings.iter().find(|(_, text)| quoted(text)).map(|(at, _)| *at)
        });
        Failure { error, argument }
    })
}

/// Whether a message has a name as a word.
fn mentions(message: &str, name: &str) -> bool {
    !name.is_empty() && message.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).any(|word| word == name)
}

fn with_filters(
    call: &Call<'_>,
    operation: impl Fn(&Table, &[String], &QueryScope) -> Result<Table>,
) -> Result<ScriptValue, Failure> {
    let filters = call.strings(0)?.into_iter().map(|(at, text)| (at, text.to_owned())).collect();
    with_texts(call, filters, operation)
}

fn with_formulas(
    call: &Call<'_>,
    operation: impl Fn(&Table, &[String], &QueryScope) -> Result<Table>,
) -> Result<ScriptValue, Failure> {
    with_texts(call, call.expressions(0)?, operation)
}

fn with_texts(
    call: &Call<'_>,
    texts: Vec<(usize, String)>,
    operation: impl Fn(&Table, &[String], &QueryScope) -> Result<Table>,
) -> Result<ScriptValue, Failure> {
    let scope = call.query_scope(texts.iter().map(|(_, text)| text.as_str()))?;
    let (places, texts): (Vec<usize>, Vec<String>) = texts.into_iter().unzip();
    operation(call.table()?, &texts, &scope).map(ScriptValue::Table).map_err(|error| {
        let argument = blamed(&error, &texts).map(|at| places[at]);
        Failure { error, argument }
    })
}

/// The formula that an error says it comes from. Formulas are named in context, quoted and shortened.
fn blamed(error: &Error, texts: &[String]) -> Option<usize> {
    let shown = error.to_string();
    texts.iter().position(|text| shown.contains(&format!("{:?}", text.chars().take(200).collect::<String>())))
}

#!/usr/bin/env python3
"""Random differential test: the same random queries over the same random tables, here and in DuckDB (`pip install duckdb`).

  differential.py PILASTER [--queries N] [--seed N] [--batch N] [--keep DIR]

Each batch makes two tables with nulls and extremes, one merged to history (grouped and sorted) and one left intraday, imports them, and runs a
script of queries over them: filters, sorts, formulas, groupings, updateBy, joins and as-of joins, arrays that are expanded again, and
chains of these. Every query is also written as SQL; null as the
least value, NaN, the two zeros, the order of groups and of equal rows follow the rules of the language, which SQL is made to follow. Results are
compared row by row in order, floating values exactly except for averages and deviations (relative 1e-9).

A difference prints the batch's seed, the script's line and the SQL. The exit status is 1 if there was one.
"""
import argparse
import csv
import io
import math
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import duckdb

import differential_steps
from differential_steps import Kit

NULL_NUMBER = {"int": -(2**31), "long": -(2**63), "float": struct.unpack("<f", b"\xff\xff\x7f\xff")[0], "double": -sys.float_info.max}
SQL_TYPE = {"String": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "boolean": "BOOLEAN", "DateTime": "BIGINT"}
COLUMNS = [
    ("P", "String"), ("Sym", "String"), ("T", "DateTime"), ("I", "int"), ("L", "long"),
    ("D", "double"), ("X", "double"), ("F", "float"), ("S", "String"), ("B", "boolean"),
]
TYPES = dict(COLUMNS)
EPOCH = 1503633600 * 10**9


# Values. None is null.

def value(rng, column):
    if column == "P":
        return rng.choice(["2017-08-23", "2017-08-24", "2017-08-25"])
    if rng.random() < 0.1:
        return None
    if column == "Sym":
        return rng.choice(["A", "B", "CC", "D", "é"])
    if column == "T":
        return EPOCH + rng.choice([rng.randrange(40), rng.randrange(40) * 10**9, rng.randrange(3) * 86400 * 10**9])
    if column == "I":
        return rng.choice([0, 1, -1, 2, 3, 7, 2**31 - 1, -(2**31) + 1, rng.randrange(-9, 10)])
    if column == "L":
        return rng.choice([0, 1, -1, 5, 2**63 - 1, -(2**63) + 1, 2**53 + 1, rng.randrange(-9, 10)])
    if column == "D":
        return rng.choice([0.0, -0.0, math.nan, rng.randrange(-40, 41) / 4, rng.randrange(-4, 5) / 4])
    if column == "X":
        return rng.choice([math.inf, -math.inf, math.nan, 1.7e308, 5e-324, -5e-324, 0.1, rng.randrange(-8, 9) / 8])
    if column == "F":
        return rng.choice([0.0, -0.0, math.nan, math.inf, 0.5, -2.25, 16777216.0])
    if column == "S":
        return rng.choice(["", "a", "A", "b", "ba", "zz", "é", "日本", "😀", "x y"])
    return rng.random() < 0.5


def csv_cell(value, column_type):
    if value is None:
        return ""
    if column_type == "String":
        return '"' + value.replace('"', '""') + '"'
    if column_type == "boolean":
        return "true" if value else "false"
    if column_type in ("float", "double"):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else repr(value)
    return str(value)


def schema(table):
    lines = ['namespace = "Random"', f'table = "{table}"', 'sort = ["T"]']
    for name, column_type in COLUMNS:
        lines += ["[[columns]]", f'name = "{name}"', f'type = "{column_type}"']
        if name == "P":
            lines.append('kind = "partitioning"')
        if name == "Sym":
            lines.append('kind = "grouping"')
    lines += ["[[import]]", 'format = "csv"', "[import.columns.T]", 'format = "epoch_ns"']
    return "\n".join(lines) + "\n"


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)


def text_of(columns):
    """The formula that makes one text of all columns."""
    one = {"DateTime": "nanos({})", "String": "(isNull({0}) ? `\\u001e` : {0})"}
    parts = ["String.valueOf(" + one.get(t, "{}").format(n) + ")" for n, t in columns]
    return "+`\\u001f`+".join(parts)


def read(cell, column_type):
    if column_type == "String":
        return None if cell == "\x1e" else cell
    if column_type == "boolean":
        return {"true": True, "false": False, "null": None}[cell]
    if column_type in ("float", "double"):
        number = float(cell.replace("Infinity", "inf"))
        if column_type == "float" and math.isfinite(number):
            number = struct.unpack("<f", struct.pack("<f", number))[0]
        return None if number == NULL_NUMBER[column_type] else number
    number = int(cell)
    return None if number == NULL_NUMBER["int" if column_type == "int" else "long"] else number


# A table that a query has come to: the script's expression, the SQL of its rows with their position `rn`, and the columns.

class Stage:
    def __init__(self, script, sql, columns, approximate=()):
        self.script, self.sql, self.columns, self.approximate = script, sql, columns, set(approximate)

    def names(self, *types):
        return [n for n, t in self.columns if not types or t in types]

    def type(self, name):
        return dict(self.columns)[name]


def key(expression, column_type):
    """Zeros are one value as keys and in orders; NaN equals NaN in DuckDB as well."""
    if column_type in ("float", "double"):
        return f"(CASE WHEN {expression} = 0 THEN 0 ELSE {expression} END)"
    return expression


def order(name, column_type, descending=False):
    if column_type == "String":
        return f"encode({name})" + (" DESC NULLS LAST" if descending else " ASC NULLS FIRST")
    return key(name, column_type) + (" DESC NULLS LAST" if descending else " ASC NULLS FIRST")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def literal(rng, name, column_type):
    """A constant as (script, SQL)."""
    if column_type == "String":
        text = rng.choice(["", "a", "A", "B", "b", "CC", "é", "日本", "none", "2017-08-24"])
        return f"`{text}`", quoted(text)
    if column_type == "int":
        number = rng.choice([0, 1, -1, 3, 2147483647, -2147483647, rng.randrange(-9, 10)])
        return str(number), f"({number})::INTEGER"
    if column_type == "long":
        number = rng.choice([0, 1, -1, 5, 2**63 - 1, -(2**63) + 1, 2**53 + 1])
        return f"{number}L", f"({number})::BIGINT"
    if column_type == "float":
        number = rng.choice([0.0, 0.5, -2.25, 16777216.0])
        return f"{number}f", f"({number})::FLOAT"
    if column_type == "double":
        number = rng.choice([0.0, 0.25, -1.0, 0.1, 1e300, -2.5])
        return repr(number), f"({number!r})::DOUBLE"
    if column_type == "boolean":
        truth = rng.choice(["true", "false"])
        return truth, truth
    # Stored as nanoseconds; whole seconds, so that the literal is short.
    second = rng.randrange(40)
    return f"'2017-08-25T04:00:{second:02} UTC'", str(EPOCH + second * 10**9)


def predicate(rng, stage):
    """A filter as (script, SQL). Null is less than every value and equals itself; NaN compares with nothing."""
    name, column_type = rng.choice(stage.columns)
    kind = rng.random()
    if kind < 0.1:
        return rng.choice([(f"isNull({name})", f"{name} IS NULL"), (f"!isNull({name})", f"{name} IS NOT NULL"),
                           (f"{name}==null", f"{name} IS NULL"), (f"{name}!=null", f"{name} IS NOT NULL")])
    real = column_type in ("float", "double")
    if kind < 0.25 and column_type != "boolean":
        values = [literal(rng, name, column_type) for _ in range(rng.randrange(1, 4))]
        inside = " OR ".join(f"{key(name, column_type)} IS NOT DISTINCT FROM {sql}" for _, sql in values)
        script = ",".join(script for script, _ in values)
        return rng.choice([(f"{name} in {script}", f"({inside})"), (f"{name} not in {script}", f"NOT ({inside})")])
    script, sql = literal(rng, name, column_type)
    operator = rng.choice(["=", "==", "!=", "<", "<=", ">", ">="] if column_type != "boolean" else ["=", "==", "!="])
    left = f"encode({name})" if column_type == "String" else name
    right = f"encode({sql})" if column_type == "String" else sql
    number = "TRUE" if not real else f"NOT isnan({name})"
    translated = {
        "=": f"({name} IS NOT NULL AND {number} AND {left} = {right})",
        "!=": f"({name} IS NULL OR NOT ({number}) OR {left} <> {right})",
        "<": f"({name} IS NULL OR {number} AND {left} < {right})",
        "<=": f"({name} IS NULL OR {number} AND {left} <= {right})",
        ">": f"({name} IS NOT NULL AND {number} AND {left} > {right})",
        ">=": f"({name} IS NOT NULL AND {number} AND {left} >= {right})",
    }
    return f"{name}{operator}{script}", translated["=" if operator == "==" else operator]


def one_value(stage, part):
    """Whether a test means the same within a formula: no list of values, and no zeros, of which a formula knows two."""
    name = re.split(r"[ =!<>]", part[0].replace("!", "", 1) if part[0].startswith("!") else part[0])[0]
    name = name.removeprefix("isNull(").removesuffix(")")
    return " in " not in part[0] and stage.type(name) not in ("float", "double")


def where(rng, stage):
    parts = [predicate(rng, stage) for _ in range(rng.randrange(1, 4))]
    scripts, sqls = [p[0] for p in parts], [p[1] for p in parts]
    form = rng.random()
    if form < 0.6:
        script, sql = ",".join(f'"{s}"' for s in scripts), " AND ".join(f"({s})" for s in sqls)
    elif all(one_value(stage, p) for p in parts):
        word, joiner = rng.choice([("&&", " AND "), ("||", " OR ")])
        script, sql = '"' + f" {word} ".join(scripts) + '"', joiner.join(f"({s})" for s in sqls)
    else:
        return Stage(f"{stage.script}.whereOneOf({','.join(chr(34) + s + chr(34) for s in scripts)})",
                     renumber(stage, f"SELECT * FROM ({stage.sql}) WHERE " + " OR ".join(f"({s})" for s in sqls), "rn"), stage.columns, stage.approximate)
    return Stage(f"{stage.script}.where({script})", renumber(stage, f"SELECT * FROM ({stage.sql}) WHERE {sql}", "rn"), stage.columns, stage.approximate)


def renumber(stage, sql, by, columns=None):
    names = ", ".join(n for n, _ in (columns or stage.columns))
    return f"SELECT row_number() OVER (ORDER BY {by}) AS rn{', ' + names if names else ''} FROM ({sql})"


def sort(rng, stage):
    names = rng.sample(stage.names(), rng.randrange(1, min(3, len(stage.columns)) + 1))
    if stage.approximate & set(names):
        return stage
    descending = rng.random() < 0.4
    by = ", ".join(order(n, stage.type(n), descending) for n in names) + ", rn"
    call = "sortDescending" if descending else "sort"
    script = f"{stage.script}.{call}({','.join(chr(34) + n + chr(34) for n in names)})"
    return Stage(script, renumber(stage, stage.sql, by), stage.columns, stage.approximate)


def cut(rng, stage):
    count, n = f"(SELECT count(*) FROM ({stage.sql}))", rng.randrange(0, 60)
    form = rng.randrange(4)
    if form == 0:
        call, test = f"head({n})", f"rn <= {n}"
    elif form == 1:
        call, test = f"tail({n})", f"rn > {count} - {n}"
    elif form == 2:
        call, test = "reverse()", "TRUE"
        return Stage(f"{stage.script}.reverse()", renumber(stage, stage.sql, "rn DESC"), stage.columns, stage.approximate)
    else:
        share = rng.choice([0.0, 0.1, 0.25, 0.5, 1.0])
        call, test = f"headPct({share})", f"rn <= ceil({share} * {count})"
    return Stage(f"{stage.script}.{call}", renumber(stage, f"SELECT * FROM ({stage.sql}) WHERE {test}", "rn"), stage.columns, stage.approximate)


def keys_of(rng, stage, most=2):
    # Sums and averages are no keys: their last digits may differ.
    candidates = [n for n in stage.names() if n not in stage.approximate]
    return rng.sample(candidates, min(len(candidates), rng.randrange(0, most + 1)))


def wrapped(expression, bits=64):
    """A whole number as a long, or an int of 32 bits, that wraps; the least one is null."""
    modulo, half = 2**bits, 2 ** (bits - 1)
    # In two steps: sums and products of longs have nearly all the bits that DuckDB's widest integers have.
    inner = f"(({expression}) % {modulo} + {modulo} + {half}) % {modulo} - {half}"
    return f"nullif({inner}, {-half})::{'BIGINT' if bits == 64 else 'INTEGER'}"


AGGREGATIONS = ["Sum", "Avg", "Min", "Max", "Std", "Count", "CountDistinct", "First", "Last", "Med", "AbsSum"]


def group(rng, stage):
    keys = keys_of(rng, stage)
    columns, scripts, sqls, approximate = [(k, stage.type(k)) for k in keys], [], [], set()
    for at in range(rng.randrange(1, 4)):
        aggregation = rng.choice(AGGREGATIONS)
        name = rng.choice([n for n in stage.names() if n not in keys] or stage.names())
        t = stage.type(name)
        new = f"R{stage.script.count('Agg')}_{at}"
        real, whole = t in ("float", "double"), t in ("int", "long")
        exact = name not in stage.approximate and (whole or name == "D" and TYPES.get(name) == t)
        if aggregation in ("Sum", "AbsSum", "Avg", "Std", "Med") and not exact:
            aggregation = "Count"
        if aggregation == "Std" and t == "long":
            aggregation = "Avg"
        if aggregation in ("CountDistinct",) and name in stage.approximate:
            aggregation = "Count"
        if aggregation == "Count":
            scripts.append(f'AggCount("{new}")')
            sqls.append(f"count(*) AS {new}")
            columns.append((new, "long"))
            continue
        scripts.append(f'Agg{aggregation}("{new}={name}")')
        poison = f"CASE WHEN bool_or(isnan({name})) THEN 'NaN'::{SQL_TYPE[t]} ELSE {{}} END" if real else "{}"
        if aggregation in ("Sum", "AbsSum"):
            inner = f"abs({name}::HUGEINT)" if whole and aggregation == "AbsSum" else f"abs({name})" if aggregation == "AbsSum" else name
            sqls.append((poison.format(f"sum({inner})") if real else wrapped(f"sum({inner})")) + f" AS {new}")
            columns.append((new, "double" if t == "double" else "long"))
        elif aggregation == "Avg":
            average = f"avg({name})" if real else f"(sum({name})::DOUBLE / count({name}))"
            sqls.append(poison.format(average) + f" AS {new}")
            columns.append((new, "double"))
            approximate.add(new)
        elif aggregation == "Std":
            deviation = f"CASE WHEN count({name}) = 1 THEN 'NaN'::DOUBLE WHEN count({name}) = 0 THEN NULL ELSE stddev_samp(CASE WHEN {'isnan(' + name + ')' if real else 'FALSE'} THEN 0 ELSE {name} END) END"
            sqls.append((f"CASE WHEN bool_or(isnan({name})) THEN 'NaN'::DOUBLE ELSE {deviation} END" if real else deviation) + f" AS {new}")
            columns.append((new, "double"))
            approximate.add(new)
        elif aggregation == "Med":
            sqls.append(poison.format(f"median({name}::DOUBLE)") + f" AS {new}" if not whole else f"median({name}::DOUBLE) AS {new}")
            columns.append((new, "double"))
            approximate.add(new)
        elif aggregation in ("Min", "Max"):
            end = aggregation.lower()
            if t == "String":
                sqls.append(f"arg_{end}({name}, encode({name})) AS {new}")
            else:
                # Of equal zeros the first stays.
                first = f"arg_min({name}, rn) FILTER (WHERE {name} = 0)"
                extreme = f"{end}({name})"
                zero = f"CASE WHEN {extreme} = 0 THEN {first} ELSE {extreme} END"
                sqls.append((poison.format(zero) if real else extreme) + f" AS {new}")
            columns.append((new, t))
        elif aggregation in ("First", "Last"):
            end = "min" if aggregation == "First" else "max"
            sqls.append(f"arg_{end}_null({name}, rn) AS {new}")
            columns.append((new, t))
        else:
            distinct = f"count(DISTINCT {key(name, t)})" + (f" FILTER (WHERE NOT isnan({name}))" if real else "")
            sqls.append(f"nullif({distinct}, 0) AS {new}")
            columns.append((new, "long"))
    shown = [f"arg_min_null({k}, rn) AS {k}" for k in keys]
    by = ", ".join(key("s." + k, stage.type(k)) for k in keys)
    sql = f"SELECT min(rn) AS first_row, {', '.join(shown + sqls)} FROM ({stage.sql}) s " + (f"GROUP BY {by}" if keys else "HAVING count(*) > 0")
    names = "".join(f',"{k}"' for k in keys)
    script = f"{stage.script}.by(AggCombo({','.join(scripts)}){names})"
    for new in [n for n, _ in columns]:
        # Ends and extremes of what is approximate are so as well.
        if any(f'"{new}={n}"' in script for n in stage.approximate):
            approximate.add(new)
    return Stage(script, renumber(None, sql, "first_row", columns), columns, approximate)


def ends(rng, stage):
    """lastBy, firstBy, headBy, tailBy, selectDistinct."""
    keys = keys_of(rng, stage) or [rng.choice([n for n in stage.names() if n not in stage.approximate] or [""])]
    if not keys[0]:
        return stage
    others = [c for c in stage.columns if c[0] not in keys]
    columns = [(k, stage.type(k)) for k in keys] + others
    by = ", ".join(key(k, stage.type(k)) for k in keys)
    names = ",".join(f'"{k}"' for k in keys)
    form = rng.randrange(5)
    first = f"min(rn) OVER (PARTITION BY {by}) AS first_row"
    n = rng.randrange(1, 4)
    if form < 2:
        call, direction = ("firstBy", "ASC") if form == 0 else ("lastBy", "DESC")
        # The key shown is that of the first row of the group for aggregations, of the row itself where rows are picked.
        sql = f"SELECT *, {first}, row_number() OVER (PARTITION BY {by} ORDER BY rn {direction}) AS place FROM ({stage.sql})"
        return Stage(f"{stage.script}.{call}({names})", renumber(None, f"SELECT * FROM ({sql}) WHERE place = 1", "first_row", columns), columns, stage.approximate)
    if form < 4:
        call, direction = ("headBy", "ASC") if form == 2 else ("tailBy", "DESC")
        sql = f"SELECT *, {first}, row_number() OVER (PARTITION BY {by} ORDER BY rn {direction}) AS place FROM ({stage.sql})"
        return Stage(f"{stage.script}.{call}({n},{names})", renumber(None, f"SELECT * FROM ({sql}) WHERE place <= {n}", "first_row, rn", columns), columns, stage.approximate)
    columns = columns[: len(keys)]
    inner = f"SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY rn) AS place FROM ({stage.sql})"
    sql = f"SELECT * FROM ({inner}) WHERE place = 1"
    return Stage(f"{stage.script}.selectDistinct({names})", renumber(None, sql, "rn", columns), columns, stage.approximate & set(keys))


def same(left, right, column_type):
    return f"{key(left, column_type)} IS NOT DISTINCT FROM {key(right, column_type)}"


def joined(rng, stage, other):
    """A join with the other table on columns of one name and type."""
    shared = [n for n, t in stage.columns if (n, t) in other.columns and n not in stage.approximate and n not in other.approximate]
    if not shared:
        return stage
    keys = rng.sample(shared, rng.randrange(1, min(3, len(shared)) + 1))
    added = rng.sample(other.names(), rng.randrange(1, min(3, len(other.columns)) + 1))
    added = [(f"J{stage.script.count('Join') + stage.script.count('.join') + stage.script.count('aj(')}{n}", n) for n in added]
    added = [(new, n) for new, n in added if new not in stage.names()]
    if not added:
        return stage
    on = ",".join(keys)
    adds = ",".join(f"{new}={n}" for new, n in added)
    match = " AND ".join(same(f"l.{k}", f"r.{k}", stage.type(k)) for k in keys)
    columns = stage.columns + [(new, other.type(n)) for new, n in added]
    approximate = stage.approximate | {new for new, n in added if n in other.approximate}
    values = ", ".join(f"r.{n} AS {new}" for new, n in added)
    form = rng.randrange(5)
    if form == 0:
        names = ",".join(f'"{k}"' for k in keys)
        call = rng.choice(["whereIn", "whereNotIn"])
        test = f"{'NOT ' if call == 'whereNotIn' else ''}EXISTS (SELECT 1 FROM ({other.sql}) r WHERE {match})"
        return Stage(f"{stage.script}.{call}({other.script},{names})", renumber(stage, f"SELECT * FROM ({stage.sql}) l WHERE {test}", "rn"), stage.columns, stage.approximate)
    if form == 1:
        sql = f"SELECT l.*, l.rn AS lrn, r.rn AS rrn, {values} FROM ({stage.sql}) l JOIN ({other.sql}) r ON {match}"
        return Stage(f'{stage.script}.join({other.script},"{on}","{adds}")', renumber(None, sql, "lrn, rrn", columns), columns, approximate)
    if form == 2:
        # The last row of each key, so that keys are unique.
        by = ", ".join(key(k, other.type(k)) for k in keys)
        unique = f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY rn DESC) AS place FROM ({other.sql})) WHERE place = 1"
        sql = f"SELECT l.*, {values} FROM ({stage.sql}) l LEFT JOIN ({unique}) r ON {match}"
        last = f"{other.script}.lastBy({','.join(chr(34) + k + chr(34) for k in keys)})"
        return Stage(f'{stage.script}.naturalJoin({last},"{on}","{adds}")', renumber(None, sql, "rn", columns), columns, approximate)
    stamps = [k for k in shared if stage.type(k) in ("DateTime", "int", "long", "String")]
    if not stamps:
        return stage
    stamp = rng.choice(stamps)
    keys = [k for k in keys if k != stamp]
    text = stage.type(stamp) == "String"
    l, r = (f"encode(l.{stamp})", f"encode(r.{stamp})") if text else (f"l.{stamp}", f"r.{stamp}")
    call, strict = rng.choice(["aj", "raj"]), rng.random() < 0.3
    up = call == "aj"
    # Null is the least stamp.
    less = f"({l} {'>' if up else '<'} {r})"
    relation = f"(({r} IS NULL AND {l} IS NOT NULL) OR {less})" if up else f"(({l} IS NULL AND {r} IS NOT NULL) OR {less})"
    if not strict:
        relation = f"({relation} OR {l} IS NOT DISTINCT FROM {r})"
    sign = (">" if up else "<") if strict else ""
    match = " AND ".join([same(f"l.{k}", f"r.{k}", stage.type(k)) for k in keys] + [f"coalesce({relation}, FALSE)"])
    direction = "DESC NULLS LAST, r.rn DESC" if up else "ASC NULLS FIRST, r.rn ASC"
    best = f"SELECT l.rn AS lrn, r.*, row_number() OVER (PARTITION BY l.rn ORDER BY {r} {direction}) AS place FROM ({stage.sql}) l JOIN ({other.sql}) r ON {match}"
    sql = f"SELECT l.*, {values} FROM ({stage.sql}) l LEFT JOIN (SELECT * FROM ({best}) WHERE place = 1) r ON l.rn = r.lrn"
    on = ",".join(keys + [f"{stamp}{sign}{stamp}" if strict else stamp])
    return Stage(f'{stage.script}.{call}({other.script},"{on}","{adds}")', renumber(None, sql, "rn", columns), columns, approximate)


KIT = Kit(Stage, renumber, key, wrapped, keys_of, same)


def formula(rng, stage):
    return differential_steps.formula(rng, stage, KIT)


def update_by(rng, stage):
    return differential_steps.update_by(rng, stage, KIT)


def expanded(rng, stage):
    return differential_steps.expanded(rng, stage, KIT)


def array_join(rng, stage, other):
    return differential_steps.array_join(rng, stage, other, KIT)


JOINS = (joined, array_join)
STEPS = [where, where, sort, cut, group, ends, joined, joined, formula, formula, update_by, update_by, expanded, array_join]


def query(rng, tables):
    stage, other = rng.sample(tables, 2)
    stage, other = Stage(stage.script, stage.sql, stage.columns), Stage(other.script, other.sql, other.columns)
    if rng.random() < 0.3:
        stage = Stage(stage.script + ".select()", stage.sql, stage.columns)
    if rng.random() < 0.3:
        other = rng.choice([where, sort])(rng, other)
    for _ in range(rng.randrange(1, 4)):
        step = rng.choice(STEPS)
        stage = step(rng, stage, other) if step in JOINS else step(rng, stage)
        if len(stage.script) > 900:
            break
    return stage


def equal(a, b, column_type, approximate):
    if a is None or b is None:
        return a is None and b is None
    if column_type in ("float", "double"):
        if a != a or b != b:
            return a != a and b != b
        if approximate and math.isfinite(a) and math.isfinite(b):
            return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1.0)
        return a == b
    return a == b


class Batch:
    def __init__(self, pilaster, directory, seed):
        self.pilaster, self.directory, self.seed = pilaster, directory, seed
        self.rng = random.Random(seed)
        self.root = os.path.join(directory, "root")
        self.duck = duckdb.connect()

    def command(self, *arguments):
        done = run([self.pilaster, "--root", self.root, "-q", *arguments])
        if done.returncode:
            sys.exit(f"seed {self.seed}: {' '.join(arguments)}\n{done.stderr}")
        return done.stdout

    def script(self, text):
        path = os.path.join(self.directory, "script.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return run([self.pilaster, "--root", self.root, "query", path, "--format", "csv"])

    def tables(self):
        run([self.pilaster, "init", self.root])
        stages = []
        for name, kind in (("Left", "t"), ("Right", "i")):
            rows = [[value(self.rng, column) for column, _ in COLUMNS] for _ in range(self.rng.choice([1, 5, 60, 200]))]
            path = os.path.join(self.directory, name + ".csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write(",".join(column for column, _ in COLUMNS) + "\n")
                file.writelines(",".join(csv_cell(v, t) for v, (_, t) in zip(row, COLUMNS)) + "\n" for row in rows)
            with open(path + ".toml", "w") as file:
                file.write(schema(name))
            self.command("schema", "deploy", path + ".toml")
            self.command("import", "csv", "--namespace", "Random", "--table", name, path)
            if kind == "t":
                self.command("merge", "--namespace", "Random", "--table", name, *[a for p in sorted({row[0] for row in rows}) for a in ("--partition", p)])
            expression = f'db.{kind}("Random","{name}")'
            stored = self.rows(self.script(f'{expression}.view("R=ii", "V={text_of(COLUMNS)}")'), COLUMNS)
            if sorted(map(repr, stored)) != sorted(map(repr, rows)):
                sys.exit(f"seed {self.seed}: {name} holds other rows than were imported")
            definition = ", ".join(f"{column} {SQL_TYPE[t]}" for column, t in COLUMNS)
            self.duck.execute(f"CREATE TABLE stored{name} (rn BIGINT, {definition})")
            self.duck.executemany(f"INSERT INTO stored{name} VALUES ({', '.join('?' * (len(COLUMNS) + 1))})", [[at + 1, *row] for at, row in enumerate(stored)])
            stages.append(Stage(expression, f"SELECT * FROM stored{name}", COLUMNS))
        return stages

    def rows(self, done, columns):
        if done.returncode:
            raise RuntimeError(done.stderr)
        records = list(csv.reader(io.StringIO(done.stdout)))[1:]
        return [[read(cell, t) for cell, (_, t) in zip(record[-1].split("\x1f"), columns)] for record in records]

    def run(self, count):
        """The number of differences among so many queries."""
        stages = self.tables()
        queries = [query(self.rng, stages) for _ in range(count)]
        line = lambda at, q: f'q{at} = {q.script}.view("Q={at}", "V={text_of(q.columns)}")\n'
        script = "".join(line(at, q) for at, q in enumerate(queries))
        done = self.script(script + f"merge([{','.join(f'q{at}' for at in range(count))}])\n")
        results = [[] for _ in queries]
        alone = done.returncode != 0
        if not alone:
            for record in list(csv.reader(io.StringIO(done.stdout)))[1:]:
                results[int(record[0])].append(record[1])
        differences = 0
        for at, q in enumerate(queries):
            try:
                if alone:
                    one = self.script(line(at, q))
                    if one.returncode:
                        raise RuntimeError(one.stderr)
                    results[at] = [record[1] for record in list(csv.reader(io.StringIO(one.stdout)))[1:]]
                found = [[read(cell, t) for cell, (_, t) in zip(text.split("\x1f"), q.columns)] for text in results[at]]
                names = ", ".join(n for n, _ in q.columns)
                wanted = [list(row) for row in self.duck.execute(f"SELECT {names} FROM ({q.sql}) ORDER BY rn").fetchall()]
                problem = self.compare(found, wanted, q)
            except (RuntimeError, duckdb.Error, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
            if problem:
                differences += 1
                print(f"DIFFERENCE seed {self.seed} query {at}: {problem}\n  {q.script}\n  {q.sql}", flush=True)
        return differences

    def compare(self, found, wanted, q):
        if len(found) != len(wanted):
            return f"{len(found)} rows, expected {len(wanted)}"
        for at, (a, b) in enumerate(zip(found, wanted)):
            for x, y, (name, t) in zip(a, b, q.columns):
                if not equal(x, y, t, name in q.approximate):
                    return f"row {at} column {name} ({t}): {x!r}, expected {y!r}"
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pilaster")
    parser.add_argument("--queries", type=int, default=10000)
    parser.add_argument("--batch", type=int, default=100, help="queries over the same two tables")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    done = differences = 0
    seed = options.seed
    while done < options.queries:
        count = min(options.batch, options.queries - done)
        directory = tempfile.mkdtemp(prefix="pilaster-differential-")
        try:
            differences += Batch(os.path.abspath(options.pilaster), directory, seed).run(count)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        done, seed = done + count, seed + 1
        if done % 1000 < count:
            print(f"{done} queries, {differences} differences", flush=True)
    print(f"{done} queries over {seed - options.seed} pairs of tables, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()

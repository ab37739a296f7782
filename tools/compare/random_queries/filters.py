"""Steps that pick and order rows: where, whereOneOf, sort, head and its kind."""
import re

from .stage import Stage, key, literal, order, renumber


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

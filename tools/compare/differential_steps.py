"""Further steps of differential.py: formulas, updateBy, arrays that are expanded again, and joins made of arrays.

A step takes the random numbers, a stage and what the driver knows (`Kit`), and gives the stage after it or the same one where it does not
apply.
"""
from collections import namedtuple

# Stage, renumber, key, wrapped, keys_of, same of the driver.
Kit = namedtuple("Kit", "stage renumber key wrapped keys_of same")

NULLS = {"int": "NULL_INT", "long": "NULL_LONG", "double": "NULL_DOUBLE", "float": "NULL_FLOAT", "String": "null"}
ELEMENTS = {"int": "int", "long": "long", "double": "double", "float": "float", "String": "String"}
SENTINELS = {"int": "-2147483648", "long": "-9223372036854775808"}
BITS = {"int": 32, "long": 64}
SQL_TYPES = {"int": "INTEGER", "long": "BIGINT"}


def new_name(stage, prefix):
    """A name that no column has."""
    at = len(stage.columns)
    while f"{prefix}{at}" in stage.names():
        at += 1
    return f"{prefix}{at}"


def quotient(a, b):
    """a/b as doubles; SQL gives null for a division by zero."""
    by_zero = f"CASE WHEN {a} = 0 THEN 'NaN'::DOUBLE WHEN {a} > 0 THEN 'Infinity'::DOUBLE ELSE '-Infinity'::DOUBLE END"
    return f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN NULL WHEN {b} = 0 THEN {by_zero} ELSE {a}::DOUBLE / {b}::DOUBLE END"


def expression(rng, stage, kit):
    """A formula as (script, SQL, type), or none."""
    whole = [n for n in stage.names("int", "long") if n not in stage.approximate]
    texts = stage.names("String")
    exact = [n for n in ("D",) if n in stage.names("double") and n not in stage.approximate]
    forms = []
    if whole:
        a, b = rng.choice(whole), rng.choice(whole)
        meeting = "long" if "long" in (stage.type(a), stage.type(b)) else "int"
        operator = rng.choice("+-*")
        forms += [
            (f"{a}{operator}{b}", kit.wrapped(f"({a}::HUGEINT {operator} {b}::HUGEINT)", BITS[meeting]), meeting),
            (f"{a}*2+1", kit.wrapped(f"({a}::HUGEINT * 2 + 1)", BITS[stage.type(a)]), stage.type(a)),
            (f"{a}/{b}", quotient(a, b), "double"),
            (f"{a}%7", f"{a} % 7", stage.type(a)),
            (f"abs({a})", f"abs({a})", stage.type(a)),
            (f"isNull({a})", f"({a} IS NULL)", "boolean"),
            (f"isNull({a}) ? -1 : {a}", f"coalesce({a}, -1)", stage.type(a)),
            (f"{a}<={b}", f"coalesce({a} <= {b}, {a} IS NULL)", "boolean"),
            (f"{a}>{b}", f"coalesce({a} > {b}, {a} IS NOT NULL)", "boolean"),
            (f"{a}=={b}", f"({a} IS NOT DISTINCT FROM {b})", "boolean"),
            (f"`n`+{a}", f"('n' || coalesce({a}, {SENTINELS[stage.type(a)]})::VARCHAR)", "String"),
            (f"max({a},{b})", f"greatest({a}, {b})", meeting),
            (f"(double){a}", f"{a}::DOUBLE", "double"),
            (f"{a}>0 && {b}<5", f"(coalesce({a} > 0, FALSE) AND coalesce({b} < 5, TRUE))", "boolean"),
        ]
    if exact:
        a = exact[0]
        forms += [
            (f"{a}*2", f"{a} * 2", "double"),
            (f"{a}-{a}", f"{a} - {a}", "double"),
            (f"isNaN({a})", f"coalesce(isnan({a}), FALSE)", "boolean"),
            (f"{a}>0.5 ? 1 : 0", f"CASE WHEN {a} > 0.5 AND NOT isnan({a}) THEN 1 ELSE 0 END", "int"),
        ]
    if texts:
        a = rng.choice(texts)
        forms += [
            (f"{a}+`!`", f"(coalesce({a}, 'null') || '!')", "String"),
            (f"isNull({a}) ? `none` : {a}.toUpperCase()", f"coalesce(upper({a}), 'none')", "String"),
            (f"isNull({a}) || {a}.contains(`a`)", f"coalesce(contains({a}, 'a'), TRUE)", "boolean"),
        ]
    return rng.choice(forms) if forms else None


def formula(rng, stage, kit):
    """One to three columns by formula, each of which may use those before it."""
    call = rng.choice(["update", "updateView", "lazyUpdate"])
    scripts, sql, columns = [], stage.sql, list(stage.columns)
    approximate = set(stage.approximate)
    for _ in range(rng.randrange(1, 4)):
        now = kit.stage(stage.script, sql, columns, approximate)
        found = expression(rng, now, kit)
        if not found:
            break
        script, value, column_type = found
        name = new_name(now, "E")
        if column_type in SQL_TYPES:
            value = f"({value})::{SQL_TYPES[column_type]}"
        scripts.append(f'"{name}={script}"')
        sql = f"SELECT *, {value} AS {name} FROM ({sql})"
        columns.append((name, column_type))
    if not scripts:
        return stage
    return kit.stage(f"{stage.script}.{call}({','.join(scripts)})", sql, columns, approximate)


def update_by(rng, stage, kit):
    """Running and rolling columns by rows, for each key."""
    keys = kit.keys_of(rng, stage)
    whole = [n for n in stage.names("int", "long") if n not in stage.approximate and n not in keys]
    any_type = [n for n in stage.names() if n not in stage.approximate and n not in keys]
    if not whole:
        return stage
    partition = ", ".join(kit.key(k, stage.type(k)) for k in keys)
    over = f"PARTITION BY {partition} ORDER BY rn" if keys else "ORDER BY rn"
    running = f"OVER ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    before, after = rng.choice([(1, 0), (3, 0), (2, 2), (1, 1), (10, 0), (5, 3)])
    rolling = f"OVER ({over} ROWS BETWEEN {before - 1} PRECEDING AND {after} FOLLOWING)"
    scripts, values, columns, approximate = [], [], list(stage.columns), set(stage.approximate)
    for at in range(rng.randrange(1, 4)):
        name = rng.choice(whole)
        t = stage.type(name)
        new = new_name(kit.stage("", "", columns), "U")
        window = f"{before},{after},"
        forms = [
            ("CumSum(", kit.wrapped(f"sum({name}) {running}", 64), "long"),
            ("CumMin(", f"min({name}) {running}", t),
            ("CumMax(", f"max({name}) {running}", t),
            ("Delta(", kit.wrapped(f"({name}::HUGEINT - lag({name}) OVER ({over})::HUGEINT)", BITS[t]), t),
            (f"RollingSum({window}", kit.wrapped(f"sum({name}) {rolling}", 64), "long"),
            (f"RollingCount({window}", f"count({name}) {rolling}", "long"),
            (f"RollingMin({window}", f"min({name}) {rolling}", t),
            (f"RollingMax({window}", f"max({name}) {rolling}", t),
            ("Fill(", None, None),
        ]
        call, value, column_type = rng.choice(forms)
        if value is None:
            name = rng.choice(any_type)
            value, column_type = f"last_value({name} IGNORE NULLS) {running}", stage.type(name)
        if column_type in SQL_TYPES:
            value = f"({value})::{SQL_TYPES[column_type]}"
        scripts.append(f'{call}"{new}={name}")')
        values.append(f"{value} AS {new}")
        columns.append((new, column_type))
    names = "".join(f',"{k}"' for k in keys)
    script = f"{stage.script}.updateBy([{','.join(scripts)}]{names})"
    return kit.stage(script, f"SELECT *, {', '.join(values)} FROM ({stage.sql})", columns, approximate)


def expanded(rng, stage, kit):
    """by and ungroup: the rows of each group together, groups in order of their first rows, the key as its first row has it."""
    keys = kit.keys_of(rng, stage)
    others = [c for c in stage.columns if c[0] not in keys]
    if not others or not keys:
        return stage
    partition = ", ".join(kit.key(k, stage.type(k)) for k in keys)
    first = f"min(rn) OVER (PARTITION BY {partition}) AS first_row"
    shown = ", ".join(f"first_value({k}) OVER (PARTITION BY {partition} ORDER BY rn) AS {k}" for k in keys)
    rest = ", ".join(n for n, _ in others)
    columns = [(k, stage.type(k)) for k in keys] + others
    sql = f"SELECT rn, {first}, {shown}, {rest} FROM ({stage.sql})"
    names = ",".join(f'"{k}"' for k in keys)
    return kit.stage(f"{stage.script}.by({names}).ungroup()", kit.renumber(None, sql, "first_row, rn", columns), columns, stage.approximate)


def array_join(rng, stage, other, kit):
    """leftJoin and ungroup, as an inner and as an outer join, and exactJoin of rows that have their match."""
    shared = [n for n, t in stage.columns if (n, t) in other.columns and n not in stage.approximate and n not in other.approximate]
    if not shared:
        return stage
    keys = rng.sample(shared, rng.randrange(1, min(2, len(shared)) + 1))
    # A key that leftJoin adds is no array.
    added = [n for n, t in other.columns if t in ELEMENTS and n not in keys]
    if not added:
        return stage
    column = rng.choice(added)
    t, new = other.type(column), new_name(stage, "K")
    columns = stage.columns + [(new, t)]
    approximate = stage.approximate | ({new} if column in other.approximate else set())
    match = " AND ".join(kit.same(f"l.{k}", f"r.{k}", stage.type(k)) for k in keys)
    on = ",".join(keys)
    form = rng.randrange(3)
    if form == 2:
        names = ",".join(f'"{k}"' for k in keys)
        by = ", ".join(kit.key(k, other.type(k)) for k in keys)
        unique = f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY rn) AS place FROM ({other.sql})) WHERE place = 1"
        sql = f"SELECT l.*, r.{column} AS {new} FROM ({stage.sql}) l JOIN ({unique}) r ON {match}"
        script = f'{stage.script}.whereIn({other.script},{names}).exactJoin({other.script}.firstBy({names}),"{on}","{new}={column}")'
        return kit.stage(script, kit.renumber(None, sql, "rn", columns), columns, approximate)
    script = f'{stage.script}.leftJoin({other.script},"{on}","{new}={column}")'
    join = "JOIN"
    if form == 1:
        join = "LEFT JOIN"
        script += f'.update("{new}=isNull({new}) ? new {ELEMENTS[t]}[]{{{NULLS[t]}}} : {new}.toArray()")'
    sql = f"SELECT l.*, l.rn AS lrn, r.rn AS rrn, r.{column} AS {new} FROM ({stage.sql}) l {join} ({other.sql}) r ON {match}"
    return kit.stage(script + ".ungroup()", kit.renumber(None, sql, "lrn, rrn", columns), columns, approximate)

"""Steps that add columns: formulas and updateBy."""
from .stage import Stage, key, keys_of, new_name, wrapped

SENTINELS = {"int": "-2147483648", "long": "-9223372036854775808"}
BITS = {"int": 32, "long": 64}
SQL_TYPES = {"int": "INTEGER", "long": "BIGINT"}


def quotient(a, b):
    """a/b as doubles; SQL gives null for a division by zero."""
    by_zero = f"CASE WHEN {a} = 0 THEN 'NaN'::DOUBLE WHEN {a} > 0 THEN 'Infinity'::DOUBLE ELSE '-Infinity'::DOUBLE END"
    return f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN NULL WHEN {b} = 0 THEN {by_zero} ELSE {a}::DOUBLE / {b}::DOUBLE END"


def expression(rng, stage):
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
            (f"{a}{operator}{b}", wrapped(f"({a}::HUGEINT {operator} {b}::HUGEINT)", BITS[meeting]), meeting),
            (f"{a}*2+1", wrapped(f"({a}::HUGEINT * 2 + 1)", BITS[stage.type(a)]), stage.type(a)),
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


def formula(rng, stage):
    """One to three columns by formula, each of which may use those before it."""
    call = rng.choice(["update", "updateView", "lazyUpdate"])
    scripts, sql, columns = [], stage.sql, list(stage.columns)
    approximate = set(stage.approximate)
    for _ in range(rng.randrange(1, 4)):
        now = Stage(stage.script, sql, columns, approximate)
        found = expression(rng, now)
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
    return Stage(f"{stage.script}.{call}({','.join(scripts)})", sql, columns, approximate)


def update_by(rng, stage):
    """Running and rolling columns by rows, for each key."""
    keys = keys_of(rng, stage)
    whole = [n for n in stage.names("int", "long") if n not in stage.approximate and n not in keys]
    any_type = [n for n in stage.names() if n not in stage.approximate and n not in keys]
    if not whole:
        return stage
    partition = ", ".join(key(k, stage.type(k)) for k in keys)
    over = f"PARTITION BY {partition} ORDER BY rn" if keys else "ORDER BY rn"
    running = f"OVER ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    before, after = rng.choice([(1, 0), (3, 0), (2, 2), (1, 1), (10, 0), (5, 3)])
    rolling = f"OVER ({over} ROWS BETWEEN {before - 1} PRECEDING AND {after} FOLLOWING)"
    scripts, values, columns, approximate = [], [], list(stage.columns), set(stage.approximate)
    for at in range(rng.randrange(1, 4)):
        name = rng.choice(whole)
        t = stage.type(name)
        new = new_name(Stage("", "", columns), "U")
        window = f"{before},{after},"
        forms = [
            ("CumSum(", wrapped(f"sum({name}) {running}", 64), "long"),
            ("CumMin(", f"min({name}) {running}", t),
            ("CumMax(", f"max({name}) {running}", t),
            ("Delta(", wrapped(f"({name}::HUGEINT - lag({name}) OVER ({over})::HUGEINT)", BITS[t]), t),
            (f"RollingSum({window}", wrapped(f"sum({name}) {rolling}", 64), "long"),
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
    return Stage(script, f"SELECT *, {', '.join(values)} FROM ({stage.sql})", columns, approximate)

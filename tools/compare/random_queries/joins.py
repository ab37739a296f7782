"""Steps with a second table: joins, as-of joins, whereIn, and joins made of arrays."""
from .stage import Stage, key, new_name, renumber, same

NULLS = {"int": "NULL_INT", "long": "NULL_LONG", "double": "NULL_DOUBLE", "float": "NULL_FLOAT", "String": "null"}
ELEMENTS = {"int": "int", "long": "long", "double": "double", "float": "float", "String": "String"}


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


def array_join(rng, stage, other):
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
    match = " AND ".join(same(f"l.{k}", f"r.{k}", stage.type(k)) for k in keys)
    on = ",".join(keys)
    form = rng.randrange(3)
    if form == 2:
        names = ",".join(f'"{k}"' for k in keys)
        by = ", ".join(key(k, other.type(k)) for k in keys)
        unique = f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {by} ORDER BY rn) AS place FROM ({other.sql})) WHERE place = 1"
        sql = f"SELECT l.*, r.{column} AS {new} FROM ({stage.sql}) l JOIN ({unique}) r ON {match}"
        script = f'{stage.script}.whereIn({other.script},{names}).exactJoin({other.script}.firstBy({names}),"{on}","{new}={column}")'
        return Stage(script, renumber(None, sql, "rn", columns), columns, approximate)
    script = f'{stage.script}.leftJoin({other.script},"{on}","{new}={column}")'
    join = "JOIN"
    if form == 1:
        join = "LEFT JOIN"
        script += f'.update("{new}=isNull({new}) ? new {ELEMENTS[t]}[]{{{NULLS[t]}}} : {new}.toArray()")'
    sql = f"SELECT l.*, l.rn AS lrn, r.rn AS rrn, r.{column} AS {new} FROM ({stage.sql}) l {join} ({other.sql}) r ON {match}"
    return Stage(script + ".ungroup()", renumber(None, sql, "lrn, rrn", columns), columns, approximate)

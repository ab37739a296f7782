"""Steps of groups: combined aggregations, the ends of groups, distinct rows, arrays that are expanded again."""
from .stage import Stage, key, keys_of, renumber, wrapped
from .values import SQL_TYPE, TYPES

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
    # Of groups that are all keys nothing is left to pick: an error.
    form = rng.randrange(5) if others else rng.randrange(2, 5)
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


def expanded(rng, stage):
    """by and ungroup: the rows of each group together, groups in order of their first rows, the key as its first row has it."""
    keys = keys_of(rng, stage)
    others = [c for c in stage.columns if c[0] not in keys]
    if not others or not keys:
        return stage
    partition = ", ".join(key(k, stage.type(k)) for k in keys)
    first = f"min(rn) OVER (PARTITION BY {partition}) AS first_row"
    shown = ", ".join(f"first_value({k}) OVER (PARTITION BY {partition} ORDER BY rn) AS {k}" for k in keys)
    rest = ", ".join(n for n, _ in others)
    columns = [(k, stage.type(k)) for k in keys] + others
    sql = f"SELECT rn, {first}, {shown}, {rest} FROM ({stage.sql})"
    names = ",".join(f'"{k}"' for k in keys)
    return Stage(f"{stage.script}.by({names}).ungroup()", renumber(None, sql, "first_row, rn", columns), columns, stage.approximate)

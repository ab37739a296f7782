"""The columns of the random tables, their values, and how these stand in CSV, in schemas and in results. None is null."""
import math
import struct
import sys

NULL_NUMBER = {"int": -(2**31), "long": -(2**63), "float": struct.unpack("<f", b"\xff\xff\x7f\xff")[0], "double": -sys.float_info.max}
SQL_TYPE = {"String": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE", "boolean": "BOOLEAN", "DateTime": "BIGINT"}
COLUMNS = [
    ("P", "String"), ("Sym", "String"), ("T", "DateTime"), ("I", "int"), ("L", "long"),
    ("D", "double"), ("X", "double"), ("F", "float"), ("S", "String"), ("B", "boolean"),
]
TYPES = dict(COLUMNS)
EPOCH = 1503633600 * 10**9


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

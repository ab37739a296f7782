"""A table that a query has come to, and the pieces of SQL that every step is made of: keys, orders, constants, row numbers.

Zeros are one key, NaN equals NaN as a key, null is the least value, whole numbers wrap.
"""
from .values import EPOCH


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


def same(left, right, column_type):
    return f"{key(left, column_type)} IS NOT DISTINCT FROM {key(right, column_type)}"


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


def renumber(stage, sql, by, columns=None):
    names = ", ".join(n for n, _ in (columns or stage.columns))
    return f"SELECT row_number() OVER (ORDER BY {by}) AS rn{', ' + names if names else ''} FROM ({sql})"


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


def new_name(stage, prefix):
    """A name that no column has."""
    at = len(stage.columns)
    while f"{prefix}{at}" in stage.names():
        at += 1
    return f"{prefix}{at}"

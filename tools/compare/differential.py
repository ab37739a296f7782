#!/usr/bin/env python3
"""Random differential test: the same random queries over the same random tables, here and in DuckDB (`pip install duckdb`).

  differential.py PILASTER [--queries N] [--seed N] [--batch N] [--keep DIR]

Each batch makes two tables with nulls and extremes, one merged to history (grouped and sorted) and one left intraday, imports them, and runs a
script of queries over them: filters, sorts, formulas, groupings, updateBy, joins and as-of joins, arrays that are expanded again, and
chains of these. Every query is also written as SQL; null as the
least value, NaN, the two zeros, the order of groups and of equal rows follow the rules of the language, which SQL is made to follow. Results are
compared row by row in order, floating values exactly except for averages (relative 1e-9) and deviations (1e-6: both
engines lose digits where values are large and lie close together).

A difference prints the batch's seed, the script's line and the SQL. The exit status is 1 if there was one.
"""
import argparse
import csv
import io
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

import duckdb

from random_queries import columns, filters, groups, joins
from random_queries.stage import Stage
from random_queries.values import COLUMNS, SQL_TYPE, csv_cell, read, schema, text_of, value

JOINS = (joins.joined, joins.array_join)
STEPS = [filters.where, filters.where, filters.sort, filters.cut, groups.group, groups.ends, joins.joined, joins.joined,
         columns.formula, columns.formula, columns.update_by, columns.update_by, groups.expanded, joins.array_join]


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)


def query(rng, tables):
    stage, other = rng.sample(tables, 2)
    stage, other = Stage(stage.script, stage.sql, stage.columns), Stage(other.script, other.sql, other.columns)
    if rng.random() < 0.3:
        stage = Stage(stage.script + ".select()", stage.sql, stage.columns)
    if rng.random() < 0.3:
        other = rng.choice([filters.where, filters.sort])(rng, other)
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
            return abs(a - b) <= approximate * max(abs(a), abs(b), 1.0)
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
                if not equal(x, y, t, name in q.approximate and (1e-6 if "AggStd(" in q.script else 1e-9)):
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

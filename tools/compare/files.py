#!/usr/bin/env python3
"""Parquet in and every format out, beside other engines, all in one run (`pip install duckdb polars pyarrow vortex-data chdb`).

  files.py PILASTER QUOTES.parquet --work DIR [--phases import,export] [--engines pilaster,duckdb,...] [--threads 2] [--repeats 3]

`import` (T1 from Parquet): all rows of the file into the engine's own durable storage: an intraday partition here, a table of its database file and a checkpoint in DuckDB, a MergeTree in
chdb, a file of their own format for polars (IPC, and Parquet as it would store them), pyarrow (the same) and Vortex. `export`: the rows from that storage to CSV, JSON Lines, Parquet (zstd)
and Arrow IPC. Each engine runs in a process of its own, the engines in turn, `--repeats` times; the best time of each counts. Times begin when the program is loaded, except for ours, which
count it, and end when files are synced. `MiB` is the peak resident memory of the process, its libraries included. Rows are counted after each import.

Prints a line for each run and two tables at the end. DIR, which may be removed then, needs room for about 15 times the file.
"""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time

SCHEMA = """namespace = "Bench"
table = "Quotes"
sort = ["Timestamp"]
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
"""
COLUMNS = [
    ("Timestamp", "DateTime"), ("Sym", "String"), ("Bid", "double"), ("BidSize", "int"),
    ("Ask", "double"), ("AskSize", "int"), ("Exchange", "String"), ("SeqNo", "long"),
]
FORMATS = ["csv", "jsonl", "parquet", "arrow"]


def sync(path):
    """Makes a file, or all files below a directory, durable."""
    names = [path] if os.path.isfile(path) else [os.path.join(d, f) for d, _, files in os.walk(path) for f in files]
    for name in names:
        fd = os.open(name, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


# The engines. Each function does one piece of work and returns what was written, to be synced, and how many rows.

def duckdb_connect(store, threads):
    import duckdb
    connection = duckdb.connect(f"{store}/quotes.duckdb")
    connection.execute(f"SET threads={threads}")
    return connection


def duckdb_import(file, store, threads):
    connection = duckdb_connect(store, threads)
    connection.execute(f"CREATE TABLE q AS SELECT * FROM read_parquet('{file}') LIMIT 0")
    connection.execute(f"INSERT INTO q SELECT * FROM read_parquet('{file}')")
    connection.execute("CHECKPOINT")
    rows = connection.execute("SELECT count(*) FROM q").fetchone()[0]
    connection.close()
    return store, rows


def duckdb_export(form, out, store, threads):
    options = {"csv": "FORMAT csv, HEADER", "jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}
    if form not in options:
        return None
    connection = duckdb_connect(store, threads)
    connection.execute(f"COPY q TO '{out}' ({options[form]})")
    return out, None


def polars_import(file, store, threads, parquet=False):
    import polars
    rows = polars.scan_parquet(file)
    out = f"{store}/q.parquet" if parquet else f"{store}/q.arrow"
    if parquet:
        rows.sink_parquet(out, compression="zstd", compression_level=1)
    else:
        rows.sink_ipc(out, compression="uncompressed")
    scan = polars.scan_parquet if parquet else polars.scan_ipc
    return out, scan(out).select(polars.len()).collect().item()


def polars_export(form, out, store, threads):
    import polars
    rows = polars.scan_ipc(f"{store}/q.arrow")
    {
        "csv": lambda: rows.sink_csv(out),
        "jsonl": lambda: rows.sink_ndjson(out),
        "parquet": lambda: rows.sink_parquet(out, compression="zstd", compression_level=1),
        "arrow": lambda: rows.sink_ipc(out, compression="uncompressed"),
    }[form]()
    return out, None


def pyarrow_import(file, store, threads, parquet=False):
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet
    pyarrow.set_cpu_count(threads)
    source = pyarrow.parquet.ParquetFile(file, read_dictionary=["Sym", "Exchange"], pre_buffer=True)
    out = f"{store}/q.parquet" if parquet else f"{store}/q.arrows"
    if parquet:
        writer = pyarrow.parquet.ParquetWriter(out, source.schema_arrow, compression="zstd", compression_level=1)
        batches = (source.read_row_group(at) for at in range(source.num_row_groups))
        write = writer.write_table
    else:
        # A stream: dictionaries change from one row group to the next, which a file of Arrow has no room for.
        writer = pyarrow.ipc.new_stream(out, source.schema_arrow)
        batches = (source.read_row_group(at) for at in range(source.num_row_groups))
        write = writer.write_table
    rows = 0
    for batch in batches:
        write(batch)
        rows += batch.num_rows
    writer.close()
    return out, rows


def pyarrow_export(form, out, store, threads):
    import pyarrow.csv
    import pyarrow.ipc
    import pyarrow.parquet
    pyarrow.set_cpu_count(threads)
    source = pyarrow.ipc.open_stream(pyarrow.memory_map(f"{store}/q.arrows"))
    make = {
        "csv": lambda: pyarrow.csv.CSVWriter(out, source.schema),
        "parquet": lambda: pyarrow.parquet.ParquetWriter(out, source.schema, compression="zstd", compression_level=1),
    }.get(form)
    if make is None:
        return None
    with make() as writer:
        for batch in source:
            writer.write_batch(batch)
    return out, None


def vortex_import(file, store, threads):
    import pyarrow
    import pyarrow.parquet
    import vortex
    pyarrow.set_cpu_count(threads)
    vortex.set_worker_threads(threads)
    source = pyarrow.parquet.ParquetFile(file)
    out = f"{store}/q.vortex"
    vortex.io.write(pyarrow.RecordBatchReader.from_batches(source.schema_arrow, source.iter_batches(1 << 16)), out)
    return out, len(vortex.open(out))


def chdb_session(store):
    from chdb import session
    return session.Session(f"{store}/db")


def chdb_import(file, store, threads):
    session = chdb_session(store)
    session.query("CREATE DATABASE IF NOT EXISTS b")
    session.query(
        "CREATE TABLE b.q (Timestamp DateTime64(9,'UTC'), Sym LowCardinality(String), Bid Float64, BidSize Int32, Ask Float64, AskSize Int32, "
        "Exchange LowCardinality(String), SeqNo Int64) ENGINE=MergeTree ORDER BY Timestamp"
    )
    session.query(
        f"INSERT INTO b.q SELECT * FROM file('{file}','Parquet') SETTINGS max_threads={threads}, max_insert_threads={threads}, max_insert_block_size=1000000"
    )
    rows = int(session.query("SELECT count() FROM b.q", "TSV").bytes().decode())
    return store, rows


def chdb_export(form, out, store, threads):
    name = {"csv": "CSVWithNames", "jsonl": "JSONEachRow", "parquet": "Parquet", "arrow": "Arrow"}[form]
    chdb_session(store).query(f"SELECT * FROM b.q INTO OUTFILE '{out}' FORMAT {name} SETTINGS max_threads={threads}, output_format_parquet_compression_method='zstd'")
    return out, None


def pilaster_import(binary, file, store, threads):
    run = lambda *arguments: subprocess.run([binary, *arguments], check=True, stdout=subprocess.PIPE, env=environment(store, threads)).stdout
    run("init", f"{store}/root")
    with open(f"{store}/quotes.toml", "w") as out:
        out.write(SCHEMA + "".join(f'[[columns]]\nname = "{name}"\ntype = "{kind}"\n' for name, kind in COLUMNS))
    run("schema", "deploy", f"{store}/quotes.toml")
    return ["import", "parquet", "--namespace", "Bench", "--table", "Quotes", "--partition", "2024-01-03", file]


def pilaster_rows(binary, store, threads):
    arguments = [binary, "query", "--format", "csv", "-e", 'db.i("Bench","Quotes").countBy("N")']
    out = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, env=environment(store, threads)).stdout
    return int(out.split()[1])


def environment(store, threads):
    return os.environ | {"PILASTER_ROOT": f"{store}/root", "RAYON_NUM_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)}


IMPORTS = {
    "duckdb": duckdb_import,
    "polars": polars_import,
    "polars-parquet": lambda *a: polars_import(*a, parquet=True),
    "pyarrow": pyarrow_import,
    "pyarrow-parquet": lambda *a: pyarrow_import(*a, parquet=True),
    "vortex": vortex_import,
    "chdb": chdb_import,
}
EXPORTS = {"duckdb": duckdb_export, "polars": polars_export, "pyarrow": pyarrow_export, "chdb": chdb_export}
LIBRARIES = {"duckdb": ["duckdb"], "polars": ["polars"], "pyarrow": ["pyarrow.parquet", "pyarrow.csv", "pyarrow.ipc"], "vortex": ["vortex", "pyarrow.parquet"], "chdb": ["chdb"]}


def child(engine, phase, form, file, store, threads):
    """One piece of work of another engine, in this process."""
    for library in LIBRARIES[engine.split("-")[0]]:
        __import__(library)
    started = time.perf_counter()
    done = IMPORTS[engine](file, store, threads) if phase == "import" else EXPORTS[engine](form, file, store, threads)
    if done is None:
        return {"skip": True}
    sync(done[0])
    return {"seconds": time.perf_counter() - started, "rows": done[1]}


def measured(command, env):
    """Seconds, peak resident bytes and output of a command."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[0]} failed")
    return time.perf_counter() - started, usage.ru_maxrss * 1024, out


def fresh(directory):
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)


def run(a, engine, phase, form=None):
    """Seconds, peak bytes, rows and bytes written of one run; none where the engine has no such format."""
    store = f"{a.work}/{engine}"
    if phase == "import":
        fresh(store)
    target = a.file if phase == "import" else f"{a.work}/out.{form}"
    env = environment(store, a.threads)
    if engine == "pilaster":
        if phase == "import":
            arguments = pilaster_import(a.pilaster, a.file, store, a.threads)
        else:
            arguments = ["export", "--namespace", "Bench", "--table", "Quotes", "--kind", "intraday", "--columns", ",".join(name for name, _ in COLUMNS), "-o", target]
        seconds, peak, _ = measured([a.pilaster, *arguments], env)
        result = {"seconds": seconds, "rows": pilaster_rows(a.pilaster, store, a.threads) if phase == "import" else None}
    else:
        command = [sys.executable, os.path.abspath(__file__), "--child", engine, phase, str(form), target, store, str(a.threads)]
        _, peak, out = measured(command, env)
        result = json.loads(out.splitlines()[-1])
        if "skip" in result:
            return None
    written = store if phase == "import" else target
    size = os.path.getsize(written) if os.path.isfile(written) else sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(written) for f in files)
    if phase == "export":
        os.remove(target)
    return result["seconds"], peak, result["rows"], size


def main():
    if sys.argv[1:2] == ["--child"]:
        engine, phase, form, file, store, threads = sys.argv[2:]
        print(json.dumps(child(engine, phase, form, file, store, int(threads))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pilaster")
    parser.add_argument("file")
    parser.add_argument("--work", required=True)
    parser.add_argument("--phases", default="import,export")
    parser.add_argument("--engines", default="pilaster," + ",".join(IMPORTS))
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    a = parser.parse_args()
    a.pilaster, a.file, a.work = os.path.abspath(a.pilaster), os.path.abspath(a.file), os.path.abspath(a.work)
    engines, best = a.engines.split(","), {}
    tasks = [("import", None)] if "import" in a.phases else []
    tasks += [("export", form) for form in a.formats.split(",")] if "export" in a.phases else []
    expected = {}
    for phase, form in tasks:
        for repeat in range(a.repeats):
            # In turn, and not always the same one first.
            for engine in engines[repeat % len(engines):] + engines[:repeat % len(engines)]:
                if phase == "export" and engine not in EXPORTS and engine != "pilaster":
                    continue
                try:
                    found = run(a, engine, phase, form)
                except Exception as error:
                    print(f"{phase} {form or ''} {engine}: {error}", flush=True)
                    continue
                if found is None:
                    continue
                seconds, peak, rows, size = found
                if rows is not None:
                    assert rows == expected.setdefault("rows", rows), f"{engine} has {rows} rows"
                print(f"{phase:6} {form or '':8} {engine:16} {seconds:7.2f} s {peak >> 20:6} MiB {size >> 20:6} MiB written", flush=True)
                key = (phase, form, engine)
                best[key] = min(best.get(key, found), found)
    for phase in ("import", "export"):
        lines = [(form, engine, *found) for (of, form, engine), found in best.items() if of == phase]
        if lines:
            print(f"\n{phase}: best of {a.repeats}, {a.threads} threads")
        for form, engine, seconds, peak, _, size in sorted(lines, key=lambda line: (FORMATS.index(line[0]) if line[0] else 0, line[2])):
            print(f"{form or '':8} {engine:16} {seconds:7.2f} s {peak >> 20:6} MiB resident {size >> 20:6} MiB written")


if __name__ == "__main__":
    main()

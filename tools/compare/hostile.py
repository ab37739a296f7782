#!/usr/bin/env python3
"""Feeds hostile text and files to `import`, `append` and `schema infer`, and looks at memory, exit and what is left behind.

    python3 tools/compare/hostile.py target/release/pilaster [--most MIB] [CASE ...]

Prints a line a case: its name, the exit code, the most memory that was resident (ru_maxrss of the process, mapped files
included), seconds, and the first line of the error. Fails where a process took more than --most MiB (512), died of a
signal, or left rows or files of an import that failed. Needs gzip and zstd, 2 GB in the temporary directory, and pyarrow
for the cases of hostile_files.py.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from json import dumps, loads

SCHEMA = """namespace = "M"
table = "T"
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String" },
  { name = "Time", type = "DateTime" },
  { name = "Size", type = "int" },
]
"""
HEAD = b"Sym,Time,Size\n"
MIB = 1 << 20
GIB = 1 << 30
CASES = {}


def case(what, expected):
    """A case by its function's name: what it is, and a part of the error, or "" for a result."""

    def add(function):
        CASES[function.__name__] = (what, expected, function)
        return function

    return add


def times(count, block):
    """The block so many times."""
    for _ in range(count):
        yield block


def chained(*parts):
    """Bytes and sequences of them, one after the other."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            yield from part


# Each gives the verb's arguments and what goes to standard input, or (arguments, None) where a file is read.
P = ("--partition", "p")


def csv(feed, *more):
    return ("import", "csv", *(more or P), "-"), feed


def json(feed):
    return ("import", "json", *P, "-"), feed


def append(feed, *more):
    return ("append", *P, "--latency", "50", *more), feed


def infer(feed, file_format="csv"):
    return ("infer", "--input-format", file_format, "-"), feed


def wide(count):
    """Records of 60 MB with four fields of 15 MB."""
    for number in range(count):
        field = b'"%d' % number + b"y" * (15 * MIB) + b'"'
        yield b",".join([field] * 4) + b"\n"


RECORD = "a record has more than 67108864 bytes"
FIELD = "the field has more than 16777216 bytes"


@case("a quoted field of 1 GB", RECORD)
def csv_field(_):
    return csv(chained(HEAD, b'"', times(1024, b"x" * MIB)))


@case("a line of 1 GB", RECORD)
def csv_line(_):
    return csv(chained(HEAD, times(1024, b"x" * MIB)))


@case("an open quote, then 1 GB of rows", RECORD)
def csv_unclosed(_):
    return csv(chained(HEAD, b'"A,,1\n', times(1000, b"B,,2\n" * 200_000)))


@case("fields of 15 MB, 60 MB a record, of which two are read", "the distinct long strings of a partition have more than 201326592 bytes")
def csv_wide(_):
    return csv(chained(b"Sym,Time,Size,Extra\n", (b'%d' % i + b"y" * (15 * MIB) + b",,1," + b"z" * (15 * MIB) + b"\n" for i in range(30))))


@case("40 symbols of 15 MB each", "the distinct long strings of a partition have more than 201326592 bytes")
def csv_symbols_large(_):
    return csv(chained(HEAD, (b"%04d" % i + b"y" * (15 * MIB) + b",,1\n" for i in range(40))))


@case("100,000 columns", "more than 10000 columns")
def csv_columns(_):
    return csv([b",".join(b"%d" % i for i in range(100_000)) + b"\n"])


@case("9,999 columns in 5,000 rows", "")
def csv_many_columns(_):
    names = b",".join(b"c%d" % i for i in range(9_996))
    return csv(chained(b"Sym,Time,Size," + names + b"\n", times(5_000, b"A,,1," + b",".join([b"1"] * 9_996) + b"\n")))


@case("1 GB of empty records", "")
def csv_empty(_):
    return csv(chained(HEAD, times(1000, b",,\n" * 333_333)))


@case("one record of 1 GB of commas", RECORD)
def csv_commas(_):
    return csv(chained(HEAD, times(1024, b"," * MIB)))


@case("1 GB of NUL bytes", RECORD)
def csv_nul(_):
    return csv(chained(HEAD, times(1024, b"\0" * MIB)))


@case("1 GB of line ends", "")
def csv_line_ends(_):
    return csv(chained(HEAD, times(1024, b"\r\n\n\r" * (MIB // 4))))


@case("1 GB of ragged rows, all allowed to fail", "")
def csv_ragged(_):
    return csv(chained(HEAD, times(1000, b"A\n" * 500_000)), *P, "--max-errors", "1000000000")


@case("a million partitions", "more than 20000 partitions")
def csv_partitions(_):
    rows = (b"".join(b"%d,A,,1\n" % i for i in range(k, k + 10_000)) for k in range(0, 1_000_000, 10_000))
    return csv(chained(b"Day,Sym,Time,Size\n", rows), "--partition-column", "Day")


@case("20,000 partitions", "")
def csv_partitions_most(_):
    rows = [b"".join(b"%d,A,,1\n" % (i * 7919 % 20_000) for i in range(40_000))]
    return csv(chained(b"Day,Sym,Time,Size\n", rows), "--partition-column", "Day")


@case("gzip: one field of 10 GiB", RECORD)
def gzip_field(place):
    return packed(place, "gzip -1", "printf 'Sym,Time,Size\\n\"'; head -c 10737418240 /dev/zero | tr '\\0' x")


@case("gzip: 10 GiB of rows", "")
def gzip_rows(place):
    return packed(place, "gzip -1", "printf 'Sym,Time,Size\\n'; yes " + "x" * 4000 + ",,1 | head -c 10737419264 | head -n -1")


@case("gzip: cut", "the compressed file ends early")
def gzip_cut(place):
    return packed(place, "gzip -1 | head -c 5000000", "printf 'Sym,Time,Size\\n'; seq 1 5000000 | sed 's/$/,,1/'")


@case("zstd: one field of 10 GiB", RECORD)
def zstd_field(place):
    return packed(place, "zstd -q --long=27", "printf 'Sym,Time,Size\\n\"'; head -c 10737418240 /dev/zero | tr '\\0' x")


@case("zip: one field of 3 GiB", RECORD)
def zip_field(place):
    path = os.path.join(place, "bomb")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a.csv", "w", force_zip64=True) as file:
            file.write(HEAD + b'"')
            for block in times(3072, b"x" * MIB):
                file.write(block)
    return ("import", "csv", *P, path), None


@case("a JSON line of 1 GB", RECORD)
def json_line(_):
    return json(chained(b'{"Sym":"', times(1024, b"x" * MIB)))


@case("60 MB of [", "line 1 is no JSON object")
def json_deep(_):
    return json(chained(b'{"Sym":', times(60, b"[" * MIB), b"\n"))


@case("7 million of [ and of ]", "columns Time, Size are in no record")
def json_deep_closed(_):
    return json(chained(b'{"Sym":', times(7, b"[" * MIB), times(7, b"]" * MIB), b"}\n"))


@case("10 million of {\"a\":", "line 1 is no JSON object")
def json_deep_objects(_):
    return json(chained(times(10, b'{"a":' * MIB), b"\n"))


@case("an object of 3 million keys", "more than 10000 fields")
def json_keys(_):
    return json([b"{" + b",".join(b'"k%d":1' % i for i in range(3_000_000)) + b"}\n"])


@case("JSON objects of 45 MB x 30", "the distinct long strings of a partition have more than 201326592 bytes")
def json_large(_):
    field = b"y" * (15 * MIB)
    return json(b'{"Sym":"%d' % i + field + b'","Time":null,"Size":1,"a":"' + field + b'","b":"' + field + b'"}\n' for i in range(30))


@case("infer: a quoted field of 1 GB", RECORD)
def infer_field(_):
    return infer(chained(HEAD, b'"', times(1024, b"x" * MIB)))


@case("infer: 60 MB a record x 30", "")
def infer_wide(_):
    return infer(chained(b"a,b,c,d\n", wide(30)))


@case("infer: 9,999 columns of one name, 2,000 rows", "")
def infer_columns(_):
    return infer(chained(b"a," * 9_998 + b"a\n", times(2_000, b"1.5," * 9_998 + b"1\n")))


@case("infer: 9,999 columns of values that differ, 10,000 rows", "")
def infer_distinct(_):
    rows = (b",".join(b"%d" % (i * 10_007 + j) for j in range(9_999)) + b"\n" for i in range(10_000))
    return infer(chained(b",".join(b"c%d" % j for j in range(9_999)) + b"\n", rows))


@case("infer: 100,000 columns", "more than 10000 columns")
def infer_too_many(_):
    return infer([b",".join(b"%d" % i for i in range(100_000)) + b"\n"])


@case("infer: 1 GB of NUL bytes", RECORD)
def infer_nul(_):
    return infer(chained(HEAD, times(1024, b"\0" * MIB)))


@case("infer: JSON keys of 15 MB x 60", "no line is a JSON object")
def infer_json_keys(_):
    return infer((b"{" + b'"%04d' % i + b"k" * (15 * MIB) + b'":1}\n' for i in range(60)), "json")


@case("infer: 900,000 JSON keys", "more than 10000 fields")
def infer_json_many(_):
    return infer((b"{" + b",".join(b'"k%d_%d":1' % (line, i) for i in range(9_000)) + b"}\n" for line in range(100)), "json")


@case("infer: a late JSON object of 5 million keys", "more than 10000 fields")
def infer_json_second(_):
    keys = (b",".join(b'"%d":1' % i for i in range(k, k + 10_000)) for k in range(0, 5_000_000, 10_000))
    return infer(chained(b'{"a":1}\n' * 300_000, b'{"a":1', (b"," + part for part in keys), b"}\n"), "json")


@case("infer: JSON nested 7 million deep", "")
def infer_json_deep(_):
    return infer(chained(b'{"Sym":', times(7, b"[" * MIB), times(7, b"]" * MIB), b"}\n"), "json")


@case("append: a quoted field of 1 GB", RECORD)
def append_field(_):
    return append(chained(HEAD, b'"', times(1024, b"x" * MIB)))


@case("append: 40 symbols of 15 MB each", "the distinct long strings of a partition have more than 201326592 bytes")
def append_symbols(_):
    return append(chained(HEAD, (b"%04d" % i + b"y" * (15 * MIB) + b",,1\n" for i in range(40))))


@case("append: 1 GB of empty records", "")
def append_empty(_):
    return append(chained(HEAD, times(1000, b",,\n" * 333_333)))


@case("append: a million partitions", "partitions")
def append_partitions(_):
    rows = (b"".join(b"%d,A,,1\n" % i for i in range(k, k + 10_000)) for k in range(0, 1_000_000, 10_000))
    return ("append", "--partition-column", "Day"), chained(b"Day,Sym,Time,Size\n", rows)


@case("append: a JSON line of 1 GB", RECORD)
def append_json(_):
    return append(chained(b'{"Sym":"', times(1024, b"x" * MIB)), "--input-format", "json")


def packed(place, packer, command):
    path = os.path.join(place, "bomb")
    subprocess.run(["bash", "-c", f"{{ {command}; }} 2>/dev/null | {packer} > {path}"], check=False)
    return ("import", "csv", *P, path), None


def run(spawner, binary, place, name):
    """Runs a case; gives what is wrong with it."""
    what, expected, function = CASES[name]
    root = os.path.join(place, "root")
    shutil.rmtree(root, ignore_errors=True)
    schema = os.path.join(place, "T.toml")
    with open(schema, "w", encoding="utf-8") as file:
        file.write(SCHEMA)
    for arguments in (["init"], ["schema", "deploy", schema]):
        subprocess.run([binary, "--root", root, *arguments], check=True, capture_output=True)
    arguments, feed = function(place)
    table = ["--namespace", "M", "--table", "T"]
    if arguments[0] == "infer":
        command = [binary, "--root", root, "schema", *arguments[:1], *table, *arguments[1:]]
    elif arguments[0] == "append":
        command = [binary, "--root", root, "append", *table, *arguments[1:]]
    else:
        command = [binary, "--root", root, *arguments[:2], *table, *arguments[2:]]
    began = time.time()
    error_file = os.path.join(place, "err")
    fifo = None
    if feed is not None:
        fifo = os.path.join(place, "in")
        if not os.path.exists(fifo):
            os.mkfifo(fifo)
    spawner.start(command, fifo, error_file)
    if fifo:
        try:
            with open(fifo, "wb", buffering=0) as pipe:
                for block in feed:
                    view = memoryview(block)
                    while view:
                        view = view[pipe.write(view):]
        except BrokenPipeError:
            pass
    code, mib = spawner.wait()
    with open(error_file, encoding="utf-8", errors="replace") as file:
        said = file.read().strip()
    seconds = time.time() - began
    wrong = []
    if code != (1 if expected else 0):
        wrong.append(f"exit {code}")
    if expected and expected not in said:
        wrong.append(f"not said: {expected}")
    if expected and arguments[0] == "import" and os.path.exists(os.path.join(root, "intraday", "M", "T", "import")):
        wrong.append("something is left of it")
    bomb = os.path.join(place, "bomb")
    if os.path.exists(bomb):
        os.remove(bomb)
    error = next((line for line in said.splitlines() if "error" in line), said.split("\n")[0])
    print(f"{what:52} exit {code} {mib:5} MiB {seconds:7.1f} s  {error[:110]}", flush=True)
    return mib, wrong


class Spawner:
    """A small process that starts the others: the most memory of a process is not less than that of the one which started it."""

    def __init__(self):
        (orders, self.orders), (self.answers, answers) = os.pipe(), os.pipe()
        if os.fork() == 0:
            os.close(self.orders)
            for line in os.fdopen(orders):
                os.write(answers, (dumps(self.work(*loads(line))) + "\n").encode())
            os._exit(0)
        os.close(orders)
        self.answers = os.fdopen(self.answers)

    def start(self, command, fifo, error_file):
        os.write(self.orders, (dumps([command, fifo, error_file]) + "\n").encode())

    def wait(self):
        """The exit code, and the most MiB that were resident."""
        return loads(self.answers.readline())

    @staticmethod
    def work(command, fifo, error_file):
        files = [os.open(fifo or os.devnull, os.O_RDONLY), os.open(os.devnull, os.O_WRONLY)]
        files.append(os.open(error_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
        actions = [(os.POSIX_SPAWN_DUP2, file, number) for number, file in enumerate(files)]
        actions += [(os.POSIX_SPAWN_CLOSE, file) for file in files]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        for file in files:
            os.close(file)
        _, status, usage = os.wait4(pid, 0)
        return os.waitstatus_to_exitcode(status), usage.ru_maxrss // 1024


if importlib.util.find_spec("pyarrow"):
    __import__("hostile_files").add(case)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("binary")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--most", type=int, default=512, metavar="MIB")
    told = parser.parse_args()
    spawner = Spawner()
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        for name in told.cases or CASES:
            mib, wrong = run(spawner, os.path.abspath(told.binary), place, name)
            if mib > told.most:
                wrong.append(f"more than {told.most} MiB")
            for problem in wrong:
                failed += 1
                print(f"    {name}: {problem}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

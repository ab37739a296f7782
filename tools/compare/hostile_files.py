"""The cases of hostile.py that are Parquet and Arrow files: large as honest writers make them, damaged, and lying. Needs pyarrow, which writes them."""

import os
import struct

MIB = 1 << 20
P = ("--partition", "p")
ROWS = 3_000_000


def columns(rows):
    """The table's own fields: a text that repeats, a time, a number."""
    import pyarrow as pa

    symbols = pa.array(["A", "BB", "CCC"] * (rows // 3 + 1)).slice(0, rows)
    times = pa.array(range(rows), pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    sizes = pa.array(range(rows), pa.int32())
    return {"Sym": symbols, "Time": times, "Size": sizes}


def wide(rows, kind, repeats=False):
    """A field of 200 bytes a row that no column takes."""
    import pyarrow as pa

    random = os.urandom(200 * (1 if repeats else rows)) * (rows if repeats else 1)
    fixed = pa.Array.from_buffers(pa.binary(200), rows, [None, pa.py_buffer(random)])
    if kind == "fixed":
        return fixed
    if kind == "list":
        longs = pa.Array.from_buffers(pa.int64(), rows * 25, [None, pa.py_buffer(random)])
        inner = pa.ListArray.from_arrays(pa.array(range(0, rows * 25 + 1, 5), pa.int32()), longs)
        return pa.ListArray.from_arrays(pa.array(range(0, rows * 5 + 1, 5), pa.int32()), inner)
    return fixed.cast(pa.binary()).cast({"binary": pa.binary(), "view": pa.binary_view()}[kind])


def arrow_file(place, fields, stream=False, **options):
    import pyarrow as pa

    path = os.path.join(place, "bomb")
    batch = pa.record_batch(fields)
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(path, "wb") as file, opened(file, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write(batch)
    return path


def parquet_file(place, fields, **options):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = os.path.join(place, "bomb")
    pq.write_table(pa.table(fields), path, row_group_size=1 << 26, **options)
    return path


def read(form, path):
    return ("import", form, *P, path), None


def patched(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        file.write(data)
    return path


def nested(levels, form):
    """A field that many structs lie around."""
    import pyarrow as pa

    value = pa.array([1, 2, 3], pa.int32())
    for _ in range(levels):
        value = pa.StructArray.from_arrays([value], ["a"]) if form == "struct" else pa.ListArray.from_arrays([0, 1, 2, 3], value)
    return value


def add(case):
    """Adds the cases."""

    @case("arrow: a batch of 600 MB", "")
    def arrow_batch(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "fixed")}))

    @case("arrow: a batch of 600 MB of text", "")
    def arrow_text(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "binary")}))

    @case("arrow: a batch of 600 MB of lists of lists", "")
    def arrow_lists(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "list")}))

    @case("arrow: infer from a batch of 600 MB of lists", "")
    def arrow_infer(place):
        path = arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "list")})
        return ("infer", "--input-format", "arrow", path), None

    @case("arrow: a batch of 600 MB of views", "write smaller batches")
    def arrow_views(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "view")}))

    @case("arrow: a batch of 600 MB packed by zstd", "write smaller batches")
    def arrow_packed(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "fixed")}, compression="zstd"))

    @case("arrow: a bomb of 600 MB in zstd", "write smaller batches")
    def arrow_bomb(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "fixed", True)}, compression="zstd"))

    @case("arrow: a batch of 240 MB from a pipe", "")
    def arrow_pipe(place):
        path = arrow_file(place, columns(ROWS // 3) | {"Extra": wide(ROWS // 3, "fixed")}, stream=True)
        return ("import", "arrow", *P, "-"), pieces(path)

    @case("arrow: a batch of 600 MB from a pipe", "write smaller batches")
    def arrow_pipe_large(place):
        path = arrow_file(place, columns(ROWS) | {"Extra": wide(ROWS, "fixed")}, stream=True)
        return ("import", "arrow", *P, "-"), pieces(path)

    @case("arrow: a dictionary of 400 MB", "write smaller batches")
    def arrow_dictionary(place):
        return read("arrow", arrow_file(place, columns(ROWS) | {"Sym": dictionary(ROWS)}))

    @case("arrow: a message that claims 2^40 bytes", "a message claims")
    def arrow_claims(place):
        path = arrow_file(place, columns(1000), stream=True)
        with open(path, "rb") as file:
            data = file.read()
        # How many bytes the buffers of the only batch have stands in its description.
        start = data.rindex(b"\xff\xff\xff\xff", 0, -8)
        length = struct.unpack_from("<I", data, start + 4)[0]
        body = struct.pack("<q", len(data) - 8 - start - 8 - length)
        return read("arrow", patched(path, data.index(body, start), struct.pack("<q", 1 << 40)))

    @case("arrow: 100,000 columns", "")
    def arrow_columns(place):
        import pyarrow as pa

        one = pa.array([1], pa.int8())
        return read("arrow", arrow_file(place, columns(1) | {f"c{number}": one for number in range(100_000)}))

    @case("arrow: 60 structs around a value", "")
    def arrow_structs(place):
        return read("arrow", arrow_file(place, columns(3) | {"Extra": nested(60, "struct")}))

    @case("parquet: a row group of 1 GB", "")
    def parquet_group(place):
        rows = ROWS * 5 // 3
        return read("parquet", parquet_file(place, columns(rows) | {"Extra": wide(rows, "fixed")}, compression="none", use_dictionary=False))

    @case("parquet: a row group of 10 million rows, all of it taken", "")
    def parquet_taken(place):
        return read("parquet", parquet_file(place, columns(10_000_000), compression="none", use_dictionary=False))

    @case("parquet: eight columns of one page of 100 MB each", "")
    def parquet_pages(place):
        fields = {f"Extra{number}": wide(500_000, "fixed") for number in range(8)}
        path = parquet_file(place, columns(500_000) | fields, compression="none", use_dictionary=False, data_page_size=1 << 30, write_batch_size=1 << 30)
        return ("infer", "--input-format", "parquet", path), None

    @case("parquet: infer, a gigabyte of one text in zstd", "")
    def parquet_bomb(place):
        path = parquet_file(place, columns(ROWS) | {"Extra": wide(ROWS, "binary", True)}, compression="zstd", use_dictionary=False)
        return ("infer", "--input-format", "parquet", path), None

    @case("parquet: a dictionary of 400 MB", "a page claims")
    def parquet_dictionary(place):
        fields = columns(ROWS) | {"Sym": dictionary(ROWS)}
        return read("parquet", parquet_file(place, fields, compression="none", dictionary_pagesize_limit=1 << 30))

    @case("parquet: a footer of noise", "not a whole Parquet file")
    def parquet_footer(place):
        path = parquet_file(place, columns(1000))
        return read("parquet", patched(path, -400, os.urandom(380)))

    @case("parquet: a footer that claims 2 GB", "not a whole Parquet file")
    def parquet_footer_large(place):
        return read("parquet", patched(parquet_file(place, columns(1000)), -8, struct.pack("<I", 2 << 30)))

    @case("parquet: cut in its middle", "not a whole Parquet file")
    def parquet_cut(place):
        path = parquet_file(place, columns(ROWS))
        os.truncate(path, os.path.getsize(path) // 2)
        return read("parquet", path)

    @case("parquet: 100,000 columns", "more than 10000")
    def parquet_columns(place):
        import pyarrow as pa

        one = pa.array([1], pa.int8())
        return read("parquet", parquet_file(place, columns(1) | {f"c{number}": one for number in range(100_000)}))

    @case("parquet: 60 lists around a value", "nested more than 64 deep")
    def parquet_lists(place):
        return read("parquet", parquet_file(place, columns(3) | {"Extra": nested(60, "list")}))


def dictionary(rows):
    """Texts of 4 kB, 400 MB of them."""
    import pyarrow as pa

    count = 100_000
    texts = pa.array([f"{number:08}" * 500 for number in range(count)])
    return pa.DictionaryArray.from_arrays(pa.array(range(rows), pa.int32()).to_numpy() % count, texts)


def pieces(path):
    with open(path, "rb") as file:
        while block := file.read(MIB):
            yield block

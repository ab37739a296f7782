#!/usr/bin/env python3
"""Recomputes `expected/*.csv` from the raw CSV files with DuckDB, an engine that shares no code with ours.

    pip install duckdb && python3 testdata/real/expected.py DIRECTORY_OF_us_equity_ticks

The results are recorded beside this file, so the tests need neither Python nor DuckDB. Every query states the row order that
Pilaster's history has: partitions ascending, within one by Sym, then ExchangeTimestamp, then order of arrival in the file.
Instants are printed as ISO-8601 with nanoseconds, nulls as empty fields, doubles in shortest round-trip form.
"""
import glob, os, sys
import duckdb

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = sys.argv[1]
TYPES = {
    "StockTrades": "{'Date':'VARCHAR','Sym':'VARCHAR','ExchangeTimestamp':'VARCHAR','Last':'DOUBLE','Size':'INTEGER','Exchange':'VARCHAR','SaleCondition':'VARCHAR'}",
    "StockQuotes": "{'Date':'VARCHAR','Sym':'VARCHAR','ExchangeTimestamp':'VARCHAR','Bid':'DOUBLE','BidSize':'INTEGER','Ask':'DOUBLE','AskSize':'INTEGER','Exchange':'VARCHAR'}",
}
db = duckdb.connect()
db.execute("SET threads=1; SET preserve_insertion_order=true")
for table, types in TYPES.items():
    for number, path in enumerate(sorted(glob.glob(f"{SOURCE}/{table}-*.csv.gz"))):
        read = f"read_csv('{path}', header=true, delim=',', columns={types})"
        verb = f"INSERT INTO {table}" if number else f"CREATE TABLE {table} AS"
        db.execute(f"{verb} SELECT *, row_number() OVER () AS arrival FROM {read}")

ROW = "Date, Sym, ExchangeTimestamp, arrival"  # timestamps are ISO text of one width: text order is time order
ROWS_REVERSED = "Date DESC, Sym DESC, ExchangeTimestamp DESC, arrival DESC"
# Averages of prices by `favg`, with compensated sums: plain ones are off by more than the test allows.
QUERIES = {
    "trades_partitions": "SELECT Date, count(*) AS Rows FROM StockTrades GROUP BY Date ORDER BY Date",
    "quotes_partitions": "SELECT Date, count(*) AS Rows FROM StockQuotes GROUP BY Date ORDER BY Date",
    "trades_last_by": f"SELECT Sym, Date, ExchangeTimestamp, Last, Size, Exchange, SaleCondition FROM (SELECT *, row_number() OVER (PARTITION BY Sym ORDER BY {ROWS_REVERSED}) AS r FROM StockTrades) WHERE r = 1 ORDER BY Sym",
    "quotes_last_by": f"SELECT Sym, Date, ExchangeTimestamp, Bid, BidSize, Ask, AskSize, Exchange FROM (SELECT *, row_number() OVER (PARTITION BY Sym ORDER BY {ROWS_REVERSED}) AS r FROM StockQuotes) WHERE r = 1 ORDER BY Sym",
    "trades_where": f"SELECT Sym, ExchangeTimestamp, Last, Size, Exchange FROM StockTrades WHERE Date = '2013-10-08' AND Sym = 'BAC' AND Size >= 20000 ORDER BY {ROW}",
    "trades_sum_by": f"SELECT Exchange, sum(Size) AS Size FROM (SELECT * FROM StockTrades WHERE Date = '2013-10-08' AND Sym = 'BAC') GROUP BY Exchange ORDER BY min((ExchangeTimestamp, arrival))",
    "quotes_avg_by": "SELECT Sym, favg(Bid) AS Bid, favg(Ask) AS Ask, avg(BidSize) AS BidSize, avg(AskSize) AS AskSize FROM StockQuotes WHERE Date = '2013-10-07' GROUP BY Sym ORDER BY Sym",
    "trades_avg_by": "SELECT Sym, favg(Last) AS Last, avg(Size) AS Size FROM StockTrades GROUP BY Sym ORDER BY Sym",
    "trades_top": f"SELECT Sym, ExchangeTimestamp, Last, Size FROM StockTrades WHERE Date = '2013-10-07' ORDER BY Last DESC, {ROW} LIMIT 10",
    "quotes_null_bids": "SELECT Date, Sym, count(*) AS N FROM StockQuotes WHERE Bid IS NULL GROUP BY Date, Sym ORDER BY Date, Sym",
    "quotes_min_max": "SELECT Sym, min(Bid) AS MinBid, max(Bid) AS MaxBid, min(Ask) AS MinAsk, max(Ask) AS MaxAsk FROM StockQuotes GROUP BY Sym ORDER BY Sym",
    "quotes_intraday_last_by": "SELECT Sym, Date, ExchangeTimestamp, Bid, BidSize, Ask, AskSize, Exchange FROM (SELECT *, row_number() OVER (PARTITION BY Sym ORDER BY Date DESC, arrival DESC) AS r FROM StockQuotes WHERE Date = '2013-10-08') latest WHERE r = 1 ORDER BY (SELECT min(arrival) FROM StockQuotes q WHERE q.Sym = latest.Sym AND q.Date = latest.Date)",
}
for name, query in QUERIES.items():
    cursor = db.execute(query)
    header = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    with open(f"{HERE}/expected/{name}.csv", "w", newline="") as out:
        out.write(",".join(header) + "\n")
        for row in rows:
            out.write(",".join("" if cell is None else repr(cell) if isinstance(cell, float) else str(cell) for cell in row) + "\n")
    print(f"{name}: {len(rows)} rows")

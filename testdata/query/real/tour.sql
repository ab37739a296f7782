-- What tour.txt asks, for DuckDB: run it in the directory of the day's files. Times are UTC. Rows in time order are in the order of the file.
CREATE TABLE T AS SELECT *, row_number() OVER () AS n FROM read_csv('StockTrades-2013-10-11.csv.gz', types = {'ExchangeTimestamp': 'VARCHAR', 'Exchange': 'VARCHAR', 'SaleCondition': 'VARCHAR'});
CREATE TABLE Q AS SELECT *, row_number() OVER () AS n FROM read_csv('StockQuotes-2013-10-11.csv.gz', types = {'ExchangeTimestamp': 'VARCHAR', 'Exchange': 'VARCHAR'});
-- filter and top 10
SELECT ExchangeTimestamp, Last, Size, Exchange FROM T WHERE Sym = 'IBM' AND Exchange IN ('P', 'Q') ORDER BY Size DESC, n LIMIT 10;
-- average by exchange, having
SELECT Exchange, avg(Last), avg(Size) FROM T GROUP BY Exchange HAVING avg(Size) > 100 ORDER BY Exchange;
-- union of the extremes
(SELECT Last, Size, Exchange FROM T ORDER BY Last, n LIMIT 1) UNION ALL (SELECT Last, Size, Exchange FROM T ORDER BY Last DESC, n LIMIT 1);
-- latest quote of each exchange
SELECT Exchange, arg_max(ExchangeTimestamp, n), arg_max(Bid, n), arg_max(BidSize, n) FROM Q WHERE Bid IS NOT NULL GROUP BY Exchange ORDER BY Exchange;
-- five-minute downsampling
SELECT substr(ExchangeTimestamp, 12, 2) AS h, substr(ExchangeTimestamp, 15, 2)::INT // 5 * 5 AS m, arg_min(Last, n), max(Last), min(Last), arg_max(Last, n), sum(Size), count(*)
FROM T WHERE ExchangeTimestamp >= '2013-10-11T13:30' AND ExchangeTimestamp < '2013-10-11T14:00' GROUP BY h, m ORDER BY h, m;
-- trades with the bid that stood
SELECT t.ExchangeTimestamp, t.Last, t.Size, q.Bid, q.ExchangeTimestamp FROM T t LEFT JOIN Q q
ON q.n = (SELECT max(b.n) FROM Q b WHERE b.Bid IS NOT NULL AND b.ExchangeTimestamp <= t.ExchangeTimestamp) WHERE t.Size >= 5000 ORDER BY t.n LIMIT 8;
-- full outer join
SELECT Exchange, a.c, b.c FROM (SELECT Exchange, count(*) AS c FROM T GROUP BY ALL) a FULL OUTER JOIN (SELECT Exchange, count(*) AS c FROM Q GROUP BY ALL) b USING (Exchange) ORDER BY Exchange;

"""The process of one query: reads a job and the object from stdin, writes messages to stdout.

It is started with nothing (``running``) and takes the rest from itself: memory, CPU time, files,
and in the engine every file but its input, extensions and settings.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from gateway.select.engine_sql import has_aggregate, paths, sql
from gateway.select.errors import BadQuery
from gateway.select.expressions import Path, Query
from gateway.select.input import Counts, Pump, blocks, first_record, one_delimiter
from gateway.select.job import (
    COUNTS,
    CSV,
    DONE,
    FAILED,
    JSON,
    LENGTH,
    MESSAGE,
    PARQUET,
    RECORDS,
    STATS,
    Dialect,
    Job,
)
from gateway.select.output import Writer, whole_documents, writer
from gateway.select.sql import parse
from gateway.select.tables import CsvTable, JsonTable, ParquetTable, place
from gateway.select.terms import too_deep

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILES = 24
ROWS = 500
MESSAGE_BYTES = 64 * 1024
LONGEST_BYTES = 1024 * 1024
PROGRESS_SECONDS = 1.0
_ENGINE_SHARE = 4
"""The engine's own limit is a quarter of the address space: it maps far more than it uses."""


class Plan(NamedTuple):
    statement: str
    write: Writer


def main() -> None:
    """Exits with 0 when the last message is out, whatever it says."""
    stdin, stdout = sys.stdin.buffer, open(os.dup(1), "wb")  # noqa: SIM115 - to the end
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or what the engine prints is among messages
    (length,) = LENGTH.unpack(_exactly(stdin, LENGTH.size))
    said = json.loads(_exactly(stdin, length))
    job = Job(**{**said, "read": Dialect(**said["read"]), "write": Dialect(**said["write"])})
    counts = Counts()
    try:
        for kind, payload in run(job, stdin, counts):
            _send(stdout, kind, payload)
        _send(stdout, DONE, COUNTS.pack(counts.scanned, counts.processed))
    except BadQuery as error:
        _send(stdout, FAILED, f"{error.code}\n{error.text}".encode())
    os._exit(0)  # the thread that reads the input may wait for ever


def _exactly(stream: BinaryIO, count: int) -> bytes:
    """Not a byte more: the input is read from the descriptor itself."""
    found = b""
    while len(found) < count:
        piece = os.read(stream.fileno(), count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


def _send(stdout: BinaryIO, kind: bytes, payload: bytes) -> None:
    stdout.write(MESSAGE.pack(kind, len(payload)) + payload)
    stdout.flush()


def run(job: Job, stdin: BinaryIO, counts: Counts) -> Iterator[tuple[bytes, bytes]]:
    """Messages. Raises ``BadQuery``."""
    query = parse(job.expression)
    _limit(job)
    import duckdb  # mapped only within the limits

    found = blocks(stdin, job, counts)
    pump = None
    try:
        if job.source == PARQUET:
            file = f"/proc/self/fd/{job.spool}"
            _spool(job, found)
            engine = _engine(job, file)
            columns = engine.execute(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()
            plan = _plan_parquet(job, query, ParquetTable(file, [row[0] for row in columns]))
        else:
            first: Sequence[str] = ()
            if job.source == CSV:
                first, found = first_record(one_delimiter(found, job.read.record), job.read)
            pump = Pump(found)
            engine = _engine(job, pump.path)
            plan = _plan(job, query, pump.path, first)
        yield from _rows(job, engine, plan, counts)
    except duckdb.Error as error:
        if pump is not None and pump.failure is not None:
            raise pump.failure from error
        raise _refusal(job, error) from error
    except MemoryError as error:
        raise _out_of_memory() from error
    except RecursionError as error:  # a sum of a thousand terms
        raise too_deep() from error
    if pump is not None and pump.failure is not None:
        raise pump.failure


def _limit(job: Job) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, job.memory_bytes),
        (resource.RLIMIT_CPU, job.cpu_seconds),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    if job.spool < 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _engine(job: Job, file: str) -> "DuckDBPyConnection":
    import duckdb

    engine = duckdb.connect(
        ":memory:",
        config={
            "threads": 1,
            "memory_limit": f"{job.memory_bytes // _ENGINE_SHARE // 1024}KiB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    engine.execute("SET enable_progress_bar = false")
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute("SET temp_directory = ''")
    engine.execute(f"SET allowed_paths = ['{file}']")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    return engine


def _spool(job: Job, found: Iterator[bytes]) -> None:
    with open(job.spool, "wb", closefd=False) as file:
        for block in found:
            file.write(block)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _plan(job: Job, query: Query, file: str, first: Sequence[str]) -> Plan:
    if job.source == JSON:
        return _plan_json(job, query, JsonTable(file, query.source))
    named = [path for column in query.columns for path in paths(column.value)]
    named += paths(query.where) if query.where else []
    most = max((place(path.steps[0]) for path in named if path.steps), default=0)
    table = CsvTable(file, job.read, first, min(most, 10_000))
    if query.columns:
        return _selected(job, query, table)
    columns = table.all()
    write = writer(job.target, job.write, [name for _, name in columns], [False] * len(columns))
    return Plan(_statement(query, table, ", ".join(text for text, _ in columns)), write)


def _plan_parquet(job: Job, query: Query, table: ParquetTable) -> Plan:
    if query.columns:
        return _selected(job, query, table)
    write = writer(job.target, job.write, table.names, [False] * len(table.names))
    return Plan(_statement(query, table, "*"), write)


def _plan_json(job: Job, query: Query, table: JsonTable) -> Plan:
    if query.columns:
        return _selected(job, query, table)
    return Plan(_statement(query, table, "json(json)"), whole_documents(job.target, job.write))


def _selected(job: Job, query: Query, table: CsvTable | JsonTable | ParquetTable) -> Plan:
    names, texts, raw = [], [], []
    for at, column in enumerate(query.columns, 1):
        as_is = isinstance(table, JsonTable) and isinstance(column.value, Path)
        if as_is and isinstance(table, JsonTable) and isinstance(column.value, Path):
            texts.append(table.value(column.value))
        else:
            texts.append(sql(column.value, table).text)
        names.append(column.name or f"_{at}")
        raw.append(as_is)
    aggregates = {has_aggregate(column.value) for column in query.columns}
    if len(aggregates) > 1 or (query.where and has_aggregate(query.where)):
        raise BadQuery("UnsupportedSqlStructure", "Aggregates and columns cannot be mixed.")
    return Plan(
        _statement(query, table, ", ".join(texts)), writer(job.target, job.write, names, raw)
    )


def _statement(query: Query, table: CsvTable | JsonTable | ParquetTable, columns: str) -> str:
    where = f" WHERE {sql(query.where, table).text}" if query.where else ""
    limit = "" if query.limit is None else f" LIMIT {query.limit}"
    return f"SELECT {columns} FROM {table.rows}{where}{limit}"


def _rows(
    job: Job, engine: "DuckDBPyConnection", plan: Plan, counts: Counts
) -> Iterator[tuple[bytes, bytes]]:
    told = time.monotonic()
    answer = engine.execute(plan.statement)
    pieces: list[str] = []
    size = 0
    while rows := answer.fetchmany(ROWS):
        for row in rows:
            pieces.append(plan.write(row))
            size += len(pieces[-1])
            if size >= MESSAGE_BYTES:
                yield from _records(pieces)
                pieces, size = [], 0
        if job.progress and time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            yield STATS, COUNTS.pack(counts.scanned, counts.processed)
    yield from _records(pieces)


def _records(pieces: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
    """In messages that a worker can hold, however long a row is; clients put them together."""
    data = "".join(pieces).encode()
    for at in range(0, len(data), LONGEST_BYTES):
        yield RECORDS, data[at : at + LONGEST_BYTES]


def _out_of_memory() -> BadQuery:
    return BadQuery("InvalidRequest", "The query needs more memory than it may use.")


def _refusal(job: Job, error: Any) -> BadQuery:  # noqa: ANN401 - duckdb.Error, imported late
    """What the engine says, in S3's words. The engine's text tells only of the query and rows."""
    import duckdb

    text = str(error).split("\n", 1)[0][:300]
    if isinstance(error, duckdb.OutOfMemoryException):
        return _out_of_memory()
    if isinstance(error, duckdb.ConversionException):
        return BadQuery("CastFailed", "Attempt to convert from one data type to another failed.")
    if isinstance(error, duckdb.OutOfRangeException):
        return BadQuery("IntegerOverflow", "A number is too large.")
    if "utf-8" in text.lower() or "unicode" in text.lower():
        return BadQuery("InvalidTextEncoding", "The object is not UTF-8.")
    if isinstance(error, duckdb.BinderException | duckdb.ParserException):
        return BadQuery("UnsupportedSqlOperation", "Encountered an unsupported SQL operation.")
    if job.source == PARQUET:
        return BadQuery("ParquetParsingError", "The object is no Parquet file that can be read.")
    return BadQuery(f"{job.source}ParsingError", f"Encountered an error parsing {job.source}.")


if __name__ == "__main__":
    main()

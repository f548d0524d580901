"""Queries of objects: S3 Select's SQL, up to what the engine is given, and the first record of CSV."""

from collections.abc import Iterable

from gateway.select.child import _plan, _plan_parquet
from gateway.select.errors import BadQuery
from gateway.select.input import first_record, one_delimiter
from gateway.select.job import CSV, JSON, NONE, USE, Dialect, Job
from gateway.select.sql import parse
from gateway.select.tables import ParquetTable
from tests.torture.fuzzing.target import Target, must

_NAMES = ["id", "name", "when"]


def _job(expression: str, source: str, read: Dialect, target: str = JSON) -> Job:
    return Job(
        expression=expression, source=source, target=target, read=read, write=Dialect(),
        memory_bytes=1 << 30, cpu_seconds=1,
    )  # fmt: skip


def query(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    asked = parse(text)
    kind = f"{len(asked.columns) > 0} {asked.where is not None} {asked.limit is not None}"
    refused: BadQuery | None = None
    for source, target in ((CSV, CSV), (JSON, JSON), ("Parquet", JSON)):
        job = _job(text, source, Dialect(header=USE), target)
        try:
            if source == "Parquet":
                plan = _plan_parquet(job, asked, ParquetTable("/f", _NAMES))
            else:
                plan = _plan(job, asked, "/f", _NAMES)
        except BadQuery as error:
            refused = error
            continue
        _only_one_statement(plan.statement)
        kind += f" {source}"
    if refused is not None:
        raise refused
    return kind


def _only_one_statement(statement: str) -> None:
    """Outside of quotes there is neither the end of a statement nor a comment."""
    outside = []
    quote = ""
    for sign in statement:
        if quote:
            quote = "" if sign == quote else quote  # a doubled one begins again at once
        elif sign in "'\"":
            quote = sign
        else:
            outside.append(sign)
    plain = "".join(outside)
    must(not quote, "a quotation without an end", statement[-200:])
    must(plain.startswith("SELECT "), "no SELECT", plain[:80])
    must(";" not in plain and "--" not in plain and "/*" not in plain, "more than one", plain[:400])
    must(plain.count("(") == plain.count(")"), "parentheses", plain[:400])


def record(data: bytes) -> str:
    """Five bytes: the signs of a dialect, and how it comes in pieces; then CSV."""
    if len(data) < 5:
        return "short"
    signs = [chr(byte & 0x7F or 44) for byte in data[:3]]
    read = Dialect(
        field=signs[0], quote=signs[1], escape=signs[2] if data[3] & 1 else signs[1],
        header=USE if data[3] & 2 else NONE, comment="#" if data[3] & 4 else "",
        record=(";" if data[3] & 8 else "\n"),
    )  # fmt: skip
    csv = data[5:]
    step = 1 + data[4] * len(csv) // 255
    pieces = [csv[at : at + step] for at in range(0, len(csv), step)]
    swapped = one_delimiter(iter(pieces), read.record)
    names, rest = first_record(swapped, read)
    came = sum(map(len, rest))
    must(came <= len(csv), "more than there is", came)
    plan = _plan(
        _job("", CSV, read), parse("SELECT _1, s.b FROM S3Object s WHERE _2 = 'x'"), "/f", names
    )
    _only_one_statement(plan.statement)
    return f"{min(len(names), 4)} {read.header} {read.record}"


def _queries() -> Iterable[bytes]:
    for text in (
        "SELECT * FROM S3Object",
        "SELECT 'it''s', s.id FROM S3Object s WHERE s.name = '; DROP TABLE x --'",
        "SELECT s._1, s.\"name\" AS n FROM S3Object s WHERE s._2 > 5 LIMIT 10",
        "SELECT COUNT(*) FROM S3Object[*].a['b'][0] s WHERE s.a IS NOT MISSING",
        "SELECT CAST(s.id AS DECIMAL(10, 2)) + 1.5e3, -s._3 % 2 FROM S3Object AS s",
        "SELECT TRIM(LEADING 'x' FROM name), SUBSTRING(name FROM 2 FOR 3) FROM S3Object",
        "SELECT CASE WHEN id IN (1, 2) THEN 'a' WHEN id BETWEEN 3 AND 4 THEN 'b' ELSE NULL END FROM S3Object",
        "SELECT EXTRACT(YEAR FROM `2007T`), DATE_ADD(day, 1, TO_TIMESTAMP(s.when)) FROM S3Object s",
        "SELECT TO_STRING(TO_TIMESTAMP(name), 'y-MM-dd''T''H:m:ss'), UTCNOW() FROM S3Object",
        "SELECT name FROM S3Object WHERE name LIKE 'a\\%%' ESCAPE '\\' AND NOT (id = 1 OR id <> 2) || 'x'",
        "SELECT COALESCE(name, NULLIF(id, 1)), CHAR_LENGTH(UPPER(name)) FROM S3Object",
        "SELECT AVG(CAST(id AS INT)), MAX(name) FROM S3Object WHERE DATE_DIFF(hour, a, b) > 1",
    ):  # fmt: skip
        yield text.encode()


def _records() -> Iterable[bytes]:
    yield b',""\x02\x40id,name,b\r\n1,"a""b",c\r\n'
    yield b";'\\\x07\x01# note\n'id';'a\\'b'\n1;2\n"
    yield b'\t""\x0a\xffa\tb;1\t2;'
    yield b',""\x00\xff\xef\xbb\xbf"a\nb",c\n'


_SQL = tuple(
    b" %b " % word
    for word in b"""SELECT FROM S3Object S3Object[*] WHERE LIMIT AS AND OR NOT IN IS NULL MISSING LIKE
    ESCAPE BETWEEN CASE WHEN THEN ELSE END CAST( INT DECIMAL TIMESTAMP STRING COUNT(*) AVG( SUM( MIN(
    MAX( SUBSTRING( TRIM( LEADING BOTH UPPER( LOWER( CHAR_LENGTH( COALESCE( NULLIF( EXTRACT( YEAR
    TIMEZONE_HOUR DATE_ADD( DATE_DIFF( TO_STRING( TO_TIMESTAMP( UTCNOW() FOR TRUE FALSE s . [ ] [0]
    [*] ( ) , + - * / % || = <> != < <= > >= ' " ` '' "" ; -- /* _1 _2 _99999 id name GROUP
    ORDER UNION JOIN read_csv( chr( `2007T` `2007-01-01T00:00:00Z`""".split()
)
TARGETS = (
    # Of a sum of a thousand terms the process of the query says that it is too deep.
    Target("select_sql", query, _SQL, (BadQuery, RecursionError), _queries, most=65_536),
    Target(
        "select_csv", record, (b",", b";", b"\n", b"\r\n", b"\r", b'"', b'""', b"'", b"\\", b"#", b"\t", b"id"),
        (BadQuery,), _records,
    ),
)  # fmt: skip

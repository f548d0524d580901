"""SelectObjectContent by boto3: three formats in, two out, and what a query cannot do."""

import bz2
import gzip
import json

import duckdb
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError, EventStreamError

from tests.gateway.conftest import running

PEOPLE = 'name,age,city\nAda,36,London\nBob,7,"New York, NY"\n"Cy ""C""",,Paris\n'
CSV = {"CSV": {"FileHeaderInfo": "USE"}}
PLAIN = {"CSV": {}}
LINES = {"JSON": {"Type": "LINES"}}
DOCUMENT = {"JSON": {"Type": "DOCUMENT"}}
AS_CSV, AS_JSON = {"CSV": {}}, {"JSON": {}}


@pytest.fixture
def select(s3, bucket):
    """What puts an object, queries it, and gives the rows as text."""

    def run(query, body, given=CSV, wanted=AS_CSV, **more):
        if body is not None:
            s3.put_object(Bucket=bucket, Key="data", Body=body)
        answer = s3.select_object_content(
            Bucket=bucket,
            Key="data",
            Expression=query,
            ExpressionType="SQL",
            InputSerialization=given,
            OutputSerialization=wanted,
            **more,
        )
        found = list(answer["Payload"])
        assert list(found[-1]) == ["End"]
        run.events = found
        return b"".join(each["Records"]["Payload"] for each in found if "Records" in each).decode()

    return run


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT * FROM S3Object", 'Ada,36,London\nBob,7,"New York, NY"\n"Cy ""C""",,Paris\n'),
        ("select s.name from s3object s where s.age > 8", "Ada\n"),
        ("SELECT s._1, _3 FROM S3Object AS s WHERE _2 = '7'", 'Bob,"New York, NY"\n'),
        ("SELECT COUNT(*), SUM(CAST(s.age AS INT)) FROM S3Object s WHERE s.age <> ''", "2,43\n"),
        ("SELECT avg(s.age) FROM S3Object s WHERE s.age <> ''", "21.5\n"),
        ("SELECT name FROM S3Object WHERE city LIKE '%o%' LIMIT 1", "Ada\n"),
        (f"SELECT name FROM S3Object LIMIT {'0' * 5000}1", "Ada\n"),
        (f"SELECT COUNT(*) FROM S3Object LIMIT {'9' * 5000}", "3\n"),
        ("SELECT name FROM S3Object WHERE age BETWEEN 1 AND 9 AND NOT city IN ('x')", "Bob\n"),
        ("SELECT CASE WHEN age > 8 THEN 'old' ELSE 'young' END FROM S3Object LIMIT 2",
         "old\nyoung\n"),
        ('SELECT UPPER(s."name") || \'!\' FROM S3Object s LIMIT 1', "ADA!\n"),
        ("SELECT age + 1, -age, age * 2.5 FROM S3Object LIMIT 1", "37,-36,90\n"),
        ("SELECT SUBSTRING(name, 2), TRIM(LEADING 'A' FROM name) FROM S3Object LIMIT 1",
         "da,da\n"),
        ("SELECT CAST(age AS DECIMAL(5, 2)) FROM S3Object LIMIT 1", "36.00\n"),
        ("SELECT EXTRACT(year FROM TO_TIMESTAMP('2024-05-06T07:08:09Z')) FROM S3Object LIMIT 1",
         "2024\n"),
        ("SELECT TO_STRING(DATE_ADD(day, 1, `2024-02-28T`), 'yyyy/MM/dd') FROM S3Object LIMIT 1",
         "2024/02/29\n"),
        ("SELECT name FROM S3Object WHERE name = 'it''s; DROP TABLE x --'", ""),
    ],
    ids=lambda given: given[:60],
)  # fmt: skip
def test_a_query_of_csv(select, query, rows):
    assert select(query, PEOPLE) == rows


def test_csv_as_json_has_the_names_of_its_header_or_places(select):
    assert json.loads(select("SELECT * FROM S3Object LIMIT 1", PEOPLE, CSV, AS_JSON)) == {
        "name": "Ada",
        "age": "36",
        "city": "London",
    }
    assert select("SELECT _2 FROM S3Object LIMIT 1", "a,1\n", PLAIN, AS_JSON) == '{"_2":"1"}\n'


def test_delimiters_quotes_and_comments_are_as_told(select):
    given = {
        "CSV": {
            "FieldDelimiter": "|",
            "RecordDelimiter": ";",
            "QuoteCharacter": "'",
            "QuoteEscapeCharacter": "\\",
            "Comments": "#",
        }
    }
    wanted = {"CSV": {"FieldDelimiter": "\t", "RecordDelimiter": "~", "QuoteFields": "ALWAYS"}}
    body = "#no;a|'b|\\'c';line\nbreak|2"
    assert select("SELECT * FROM S3Object", body, given, wanted) == (
        '"a"\t"b|\'c"~"line\nbreak"\t"2"~'
    )


def test_rows_may_be_short_and_a_query_may_name_more_columns_than_the_first_has(select):
    assert select("SELECT _3 FROM S3Object", "a,b\nc\nd,e,f\n", PLAIN) == "\n\nf\n"
    assert select("SELECT _1 FROM S3Object WHERE _2 IS MISSING", "a,b\nc\n", PLAIN) == "c\n"


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT * FROM S3Object s WHERE s.n > 1", '{"n":2,"in":{"list":[1,{"x":"y"}]}}\n'),
        ("SELECT s.n, s.none FROM S3Object[*] s LIMIT 1", '{"n":1}\n'),
        ("SELECT s['in'].list[1].x AS found FROM S3Object s LIMIT 2", '{}\n{"found":"y"}\n'),
        ("SELECT s.n FROM S3Object s WHERE s.\"in\".list[1].x = 'y'", '{"n":2}\n'),
        ("SELECT SUM(s.n) FROM S3Object s", '{"_1":3}\n'),
    ],
)
def test_a_query_of_json_lines(select, query, rows):
    body = '{"n":1}\n{"n":2,\n "in":{"list":[1,{"x":"y"}]}}'
    assert select(query, body, LINES, AS_JSON) == rows


def test_a_list_inside_a_document_gives_rows(select):
    body = json.dumps({"rows": [{"a": 1, "b": "x,y"}, {"a": 2, "b": None}]}, indent=2)
    query = "SELECT s.a, s.b FROM S3Object[*].rows[*] s"
    assert select(query, body, DOCUMENT, AS_CSV) == '1,"x,y"\n2,\n'
    assert select("SELECT * FROM S3Object[*].rows[*] s", None, DOCUMENT) == '1,"x,y"\n2,\n'
    assert select("SELECT s.a FROM S3Object[*] s", '[{"a":5},{"a":6}]', DOCUMENT) == "5\n6\n"


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    path = tmp_path_factory.mktemp("parquet") / "numbers.parquet"
    duckdb.sql(
        "COPY (SELECT i, i * 0.5 AS half, 'n' || i AS name, {'in': i} AS s FROM range(20000) t(i))"
        f" TO '{path}' (FORMAT parquet)"
    )
    return path.read_bytes()


def test_a_query_of_parquet(select, parquet):
    given = {"Parquet": {}}
    query = 'SELECT NAME, s.half, s.s."in" FROM S3Object s WHERE s.i >= 19999'
    assert select(query, parquet, given, AS_JSON) == '{"NAME":"n19999","half":9999.5,"in":19999}\n'
    assert select("SELECT count(*) FROM S3Object WHERE _1 < 10", None, given) == "10\n"
    rows = select("SELECT * FROM S3Object", None, given, AS_CSV)
    assert rows.count("\n") == 20000
    assert rows.startswith('0,0.0,n0,"{""in"":0}"\n')


@pytest.mark.parametrize(("name", "pack"), [("GZIP", gzip.compress), ("BZIP2", bz2.compress)])
def test_packed_objects_are_unpacked(select, name, pack):
    body = pack(PEOPLE.encode()) + pack(b"Dee,50,Rome\n")
    given = {**CSV, "CompressionType": name}
    assert select("SELECT name FROM S3Object s WHERE s.age > 30", body, given) == "Ada\nDee\n"
    stats = select.events[-2]["Stats"]["Details"]
    assert stats["BytesScanned"] == len(body)
    assert stats["BytesReturned"] == 8


def test_scan_ranges_that_meet_give_each_record_once(select):
    body = "".join(f"{number},{'x' * (number % 7)}\n" for number in range(200))
    query = "SELECT _1 FROM S3Object"
    whole = select(query, body, PLAIN)
    for step in (1, 13, 100, 399):
        if step == 1:
            ranges = [(at, at) for at in range(12)] + [(12, len(body))]
        else:
            ranges = [(at, at + step - 1) for at in range(0, len(body), step)][:8]
            ranges.append((ranges[-1][1] + 1, len(body)))
        found = [
            select(query, None, PLAIN, ScanRange={"Start": begin, "End": end})
            for begin, end in ranges
            if begin < len(body)
        ]
        assert "".join(found) == whole


def test_a_scan_range_behind_a_header_still_has_its_names(select):
    found = select("SELECT city FROM S3Object s", PEOPLE, CSV, ScanRange={"Start": 20, "End": 30})
    assert found == '"New York, NY"\n'


def test_progress_and_stats_say_how_far_it_got(select):
    select("SELECT _1 FROM S3Object", PEOPLE, PLAIN, RequestProgress={"Enabled": True})
    *_, progress, stats, _ = select.events
    counts = {"BytesScanned": len(PEOPLE), "BytesProcessed": len(PEOPLE), "BytesReturned": 24}
    assert progress["Progress"]["Details"] == stats["Stats"]["Details"] == counts


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", "InvalidTableAlias"),
        ("SELECT read_text('/etc/passwd') FROM S3Object", "UnsupportedFunction"),
        ("SELECT getenv('PATH') FROM S3Object", "UnsupportedFunction"),
        ("COPY S3Object TO '/tmp/x'", "UnsupportedSqlStructure"),
        ("SELECT * FROM S3Object; DROP TABLE x", "LexerInvalidChar"),
        ("SELECT * FROM S3Object GROUP BY name", "UnsupportedSqlStructure"),
        ("SELECT * FROM S3Object s, S3Object t", "UnsupportedSqlStructure"),
        ("SELECT name, count(*) FROM S3Object", "UnsupportedSqlStructure"),
        ("SELECT nobody FROM S3Object", "MissingHeaders"),
        ("SELECT name", "ParseSelectMissingFrom"),
        ("SELECT name FROM S3Object WHERE", "ParseUnexpectedToken"),
        ("SELECT name FROM S3Object WHERE name = 'x", "LexerInvalidLiteral"),
        ("SELECT name FROM S3Object WHERE name ? 'x'", "LexerInvalidChar"),
        ("SELECT CAST(name AS INT) FROM S3Object", "CastFailed"),
        ("SELECT CAST(name AS MAP) FROM S3Object", "InvalidDataType"),
        ("SELECT SUM(name) FROM S3Object", "CastFailed"),
        ("SELECT name FROM S3Object LIMIT x", "ParseExpectedNumber"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000 + " FROM S3Object", "UnsupportedSyntax"),
        ("SELECT 1" + " + 1" * 3000 + " FROM S3Object", "UnsupportedSyntax"),
        ("SELECT name[" + "9" * 5000 + "] FROM S3Object", "InvalidColumnIndex"),
    ],
    ids=lambda given: given[:40],
)
def test_what_cannot_be_asked_is_refused(select, query, code):
    with pytest.raises(ClientError) as refused:
        select(query, PEOPLE)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("given", "wanted", "more", "code"),
    [
        ({}, AS_CSV, {}, "MissingRequiredParameter"),
        ({**CSV, **LINES}, AS_CSV, {}, "InvalidDataSource"),
        ({"CSV": {"FileHeaderInfo": "MAYBE"}}, AS_CSV, {}, "InvalidFileHeaderInfo"),
        ({"CSV": {"FieldDelimiter": "||"}}, AS_CSV, {}, "InvalidRequestParameter"),
        ({"JSON": {}}, AS_CSV, {}, "InvalidJsonType"),
        ({**CSV, "CompressionType": "LZMA"}, AS_CSV, {}, "InvalidCompressionFormat"),
        ({**CSV, "CompressionType": "GZIP"}, AS_CSV, {}, "InvalidCompressionFormat"),
        (CSV, {"CSV": {"QuoteFields": "NEVER"}}, {}, "InvalidQuoteFields"),
        (CSV, AS_CSV, {"ScanRange": {"Start": 9, "End": 3}}, "InvalidScanRange"),
        (DOCUMENT, AS_CSV, {"ScanRange": {"Start": 0}}, "UnsupportedScanRangeInput"),
        ({"Parquet": {}}, AS_CSV, {}, "ParquetParsingError"),
        (LINES, AS_CSV, {}, "JSONParsingError"),
    ],
)
def test_what_cannot_be_read_is_refused(select, given, wanted, more, code):
    with pytest.raises(ClientError) as refused:
        select("SELECT * FROM S3Object", PEOPLE, given, wanted, **more)
    assert refused.value.response["Error"]["Code"] == code


def test_what_goes_wrong_after_the_first_rows_ends_the_stream(select):
    body = "1\n" * 200_000 + "x\n"
    with pytest.raises(EventStreamError) as refused:
        select("SELECT CAST(_1 AS INT) FROM S3Object", body, PLAIN)
    assert refused.value.response["Error"]["Code"] == "CastFailed"


def test_an_encrypted_object_is_queried_by_who_has_its_key(s3, bucket, select):
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    s3.put_object(Bucket=bucket, Key="data", Body=PEOPLE, **key)
    assert select("SELECT count(*) FROM S3Object", None, **key) == "3\n"
    with pytest.raises(ClientError):
        select("SELECT count(*) FROM S3Object", None)


def test_a_large_answer_comes_whole_and_can_be_left(s3, bucket, select):
    body = "".join(f"{number},{'y' * 90}\n" for number in range(60_000))
    assert select("SELECT * FROM S3Object", body, PLAIN) == body
    for _ in range(5):  # each frees its place when its client is gone
        answer = s3.select_object_content(
            Bucket=bucket, Key="data", Expression="SELECT * FROM S3Object", ExpressionType="SQL",
            InputSerialization=PLAIN, OutputSerialization=AS_CSV,
        )  # fmt: skip
        next(iter(answer["Payload"]))
        answer["Payload"].close()


def query_of(running, body, query):
    """Asks a gateway of its own, once."""
    once = ClientConfig(retries={"total_max_attempts": 1})
    client = running.client(running.owner, config=once)
    client.create_bucket(Bucket="queries")
    client.put_object(Bucket="queries", Key="data", Body=body)
    return lambda: client.select_object_content(
        Bucket="queries", Key="data", Expression=query, ExpressionType="SQL",
        InputSerialization={"CSV": {}, "CompressionType": "GZIP"}, OutputSerialization=AS_CSV,
    )["Payload"]  # fmt: skip


BOMB = gzip.compress(b"1\n" * 2_000_000) * 300
"""1.2 GB of rows in 1.2 MB."""


def test_a_query_that_takes_too_long_is_ended(tmp_path):
    with running(tmp_path, select_cpu_seconds=1) as gateway:
        ask = query_of(gateway, BOMB, "SELECT count(*) FROM S3Object WHERE _1 LIKE '%2%'")
        with pytest.raises((ClientError, EventStreamError)) as refused:
            list(ask())
        assert refused.value.response["Error"]["Code"] == "RequestTimeout"


def test_only_so_many_queries_run_at_a_time(tmp_path):
    with running(tmp_path, select_processes=1) as gateway:
        ask = query_of(gateway, BOMB, "SELECT * FROM S3Object")
        first = ask()
        next(iter(first))
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["Error"]["Code"] == "SlowDown"
        first.close()


def test_queries_can_be_switched_off(tmp_path):
    with running(tmp_path, select_processes=0) as gateway:
        with pytest.raises(ClientError) as refused:
            query_of(gateway, b"1\n", "SELECT * FROM S3Object")()
        assert refused.value.response["Error"]["Code"] == "NotImplemented"


def test_a_long_row_comes_in_pieces(select):
    """A worker holds one piece at a time, whatever a query makes of its input."""
    wide = "x" * 1_000_000
    row = select("SELECT " + " || ".join(["_1"] * 20) + " FROM S3Object", wide, PLAIN)
    assert row == wide * 20 + "\n"
    sizes = [len(each["Records"]["Payload"]) for each in select.events if "Records" in each]
    assert max(sizes) <= 1 << 20

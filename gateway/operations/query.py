"""What a query of an object asks for: its shapes, and the job they make."""

import math
from typing import Annotated

from gateway.config import Config
from gateway.encryption.members import CustomerKey
from gateway.errors import (
    InvalidCompressionFormat,
    InvalidDataSource,
    InvalidExpressionType,
    InvalidFileHeaderInfo,
    InvalidJsonType,
    InvalidQuoteFields,
    InvalidRequestParameter,
    InvalidScanRange,
    MissingRequiredParameter,
    UnsupportedScanRangeInput,
)
from gateway.ranges import Span
from gateway.select import job as jobs
from gateway.select.job import Dialect, Job
from gateway.wire.shape import Label, Shape, Xml


class RequestProgress(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RequestProgress.html"""

    enabled: bool | None = None


class CSVInput(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CSVInput.html"""

    file_header_info: str | None = None
    comments: str | None = None
    quote_escape_character: str | None = None
    record_delimiter: str | None = None
    field_delimiter: str | None = None
    quote_character: str | None = None
    allow_quoted_record_delimiter: bool | None = None


class JSONInput(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_JSONInput.html"""

    type: str | None = None


class ParquetInput(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ParquetInput.html"""


class InputSerialization(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_InputSerialization.html"""

    csv: Annotated[CSVInput | None, Xml("CSV")] = None
    compression_type: str | None = None
    json: Annotated[JSONInput | None, Xml("JSON")] = None
    parquet: ParquetInput | None = None


class CSVOutput(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CSVOutput.html"""

    quote_fields: str | None = None
    quote_escape_character: str | None = None
    record_delimiter: str | None = None
    field_delimiter: str | None = None
    quote_character: str | None = None


class JSONOutput(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_JSONOutput.html"""

    record_delimiter: str | None = None


class OutputSerialization(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_OutputSerialization.html"""

    csv: Annotated[CSVOutput | None, Xml("CSV")] = None
    json: Annotated[JSONOutput | None, Xml("JSON")] = None


class ScanRange(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ScanRange.html"""

    start: int | None = None
    end: int | None = None


class SelectObjectContentInput(CustomerKey, root="SelectObjectContentRequest"):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    expression: str
    expression_type: str
    request_progress: RequestProgress | None = None
    input_serialization: InputSerialization
    output_serialization: OutputSerialization
    scan_range: ScanRange | None = None


def job(ask: SelectObjectContentInput, config: Config) -> Job:
    """Raises one of ``SELECT_ERRORS``."""
    if ask.expression_type.upper() != "SQL":
        raise InvalidExpressionType
    given, wanted = ask.input_serialization, ask.output_serialization
    compression = (given.compression_type or jobs.NONE).upper()
    if compression not in (jobs.NONE, jobs.GZIP, jobs.BZIP2):
        raise InvalidCompressionFormat
    source = _only(CSV=given.csv, JSON=given.json, Parquet=given.parquet)
    target = _only(CSV=wanted.csv, JSON=wanted.json)
    if source == jobs.PARQUET and compression != jobs.NONE:
        raise InvalidCompressionFormat("Parquet is compressed inside, not as a whole.")
    if given.json is not None and (given.json.type or "").upper() not in ("DOCUMENT", "LINES"):
        raise InvalidJsonType
    progress = ask.request_progress is not None and bool(ask.request_progress.enabled)
    return Job(
        expression=ask.expression,
        source=source,
        target=target,
        read=_read(given.csv or CSVInput()),
        write=_write(wanted.csv, wanted.json),
        compression=compression,
        progress=progress,
        memory_bytes=config.select_memory_bytes,
        cpu_seconds=math.ceil(config.select_cpu_seconds),
    )


def _only(**given: object) -> str:
    names = [name for name, value in given.items() if value is not None]
    if not names:
        raise MissingRequiredParameter
    if len(names) > 1:
        raise InvalidDataSource("Exactly one format may be given.")
    return names[0]


def _read(given: CSVInput) -> Dialect:
    header = (given.file_header_info or jobs.NONE).upper()
    if header not in (jobs.NONE, jobs.USE, jobs.IGNORE):
        raise InvalidFileHeaderInfo
    quote = _sign("QuoteCharacter", given.quote_character, '"', least=0)
    return Dialect(
        field=_sign("FieldDelimiter", given.field_delimiter, ","),
        record=_sign("RecordDelimiter", given.record_delimiter, "\n", most=2),
        quote=quote,
        escape=_sign("QuoteEscapeCharacter", given.quote_escape_character, quote, least=0),
        comment=_sign("Comments", given.comments, "", least=0),
        header=header,
    )


def _write(csv: CSVOutput | None, json: JSONOutput | None) -> Dialect:
    if csv is None:
        delimiter = json.record_delimiter if json else None
        return Dialect(record="\n" if delimiter is None else delimiter)
    quoting = (csv.quote_fields or "ASNEEDED").upper()
    if quoting not in ("ALWAYS", "ASNEEDED"):
        raise InvalidQuoteFields
    quote = '"' if csv.quote_character is None else csv.quote_character
    return Dialect(
        field="," if csv.field_delimiter is None else csv.field_delimiter,
        record="\n" if csv.record_delimiter is None else csv.record_delimiter,
        quote=quote,
        escape=quote if csv.quote_escape_character is None else csv.quote_escape_character,
        always=quoting == "ALWAYS",
    )


def _sign(name: str, given: str | None, default: str, *, least: int = 1, most: int = 1) -> str:
    """Raises ``InvalidRequestParameter`` for what cannot tell fields or records apart."""
    if given is None:
        return default
    if not least <= len(given) <= most or not given.isascii() or "\0" in given:
        raise InvalidRequestParameter(f"The value of {name} is invalid.")
    return given


def scanned(ask: SelectObjectContentInput, size: int) -> tuple[Span, int, int]:
    """The bytes to be read, and where in them records of the scan range begin and no longer do.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ScanRange.html

    Raises ``InvalidScanRange``, ``UnsupportedScanRangeInput``.
    """
    whole = Span(0, size), 0, -1
    asked, given = ask.scan_range, ask.input_serialization
    if asked is None:
        return whole
    lines = given.json is not None and (given.json.type or "").upper() == "LINES"
    packed = (given.compression_type or jobs.NONE).upper() != jobs.NONE
    if packed or not (lines or given.csv is not None):
        raise UnsupportedScanRangeInput
    start, end = asked.start, asked.end
    if start is None:
        if end is None:
            raise InvalidScanRange
        start, end = max(size - end, 0), None
    if start < 0 or (end is not None and end < start) or start >= max(size, 1):
        raise InvalidScanRange
    header = given.csv is not None and (given.csv.file_header_info or "NONE").upper() != "NONE"
    # One byte earlier, to see whether a record ends there; a header is at the object's begin.
    first = 0 if header else max(start - 1, 0)
    until = -1 if end is None else end + 1 - first
    return Span(first, size - first), start - first, until

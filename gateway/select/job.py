"""Job: one query as the gateway hands it to the process that runs it; and what comes back."""

import struct
from dataclasses import dataclass

NONE, GZIP, BZIP2 = "NONE", "GZIP", "BZIP2"
CSV, JSON, PARQUET = "CSV", "JSON", "Parquet"
USE, IGNORE = "USE", "IGNORE"
RECORDS, STATS, FAILED, DONE = b"R", b"S", b"E", b"D"
"""Kinds of messages: rows as they go out; bytes scanned and processed; code and text; as STATS."""
MESSAGE = struct.Struct(">cI")
"""Kind and length of what follows."""
LENGTH = struct.Struct(">I")
"""Of the job, in front of it."""
COUNTS = struct.Struct(">QQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How fields and records are told apart; of the input and of the answer."""

    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    header: str = NONE
    always: bool = False
    """Every field is quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """``source`` and ``target`` are of ``CSV``, ``JSON``, ``PARQUET``."""

    expression: str
    source: str
    target: str
    read: Dialect
    write: Dialect
    compression: str = NONE
    spool: int = -1
    """Descriptor of an empty file for input that cannot be read in one go."""
    start: int = 0
    """Records that begin before this byte of the input are not in the range."""
    until: int = -1
    """Nor are those that begin at or after this one; -1: the range has no end."""
    progress: bool = False
    memory_bytes: int
    cpu_seconds: int

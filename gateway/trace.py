"""What one request leaves behind: one log line, written when its last byte has gone."""

import json
import logging
import os
import secrets
from collections.abc import Callable
from itertools import count
from time import perf_counter

from msgspec import Struct, field

from gateway import logs
from gateway.memo import Memo

log = logging.getLogger("s3gw.gateway")


class _Ids:
    """A random start for each process, then a count, spread over the digits."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.prefix = secrets.token_hex(4).upper()
        self.numbers = count(secrets.randbits(32))


_ids = _Ids()
os.register_at_fork(after_in_child=_ids.renew)


def new_id() -> str:
    """16 upper-case hex digits, each time others; a tenth of the price of random ones."""
    # Fibonacci hashing: neighbours look nothing alike, and none comes twice in 2^32.
    number = next(_ids.numbers) * 0x9E3779B1 & 0xFFFFFFFF
    return _ids.prefix + number.to_bytes(4, "big").hex().upper()


class Trace(Struct):
    """Filled in as the request goes along; holds no secret, signature or body."""

    request_id: str
    started: float = field(default_factory=perf_counter)
    operation: str = ""
    caller: str = ""
    """Access key id; empty when anonymous or unknown."""
    bucket: str = ""
    peer: str = ""
    status: int = 0
    code: str = ""
    """S3 error code; empty when it went well."""
    bytes_in: int = 0
    bytes_out: int = 0
    logged: "Callable[[Trace], None] | None" = None
    """Puts it into the access log of its bucket."""
    audited: "Callable[[Trace], None] | None" = None
    """Puts it into the audit log, which also wants the ``key``."""
    key: str = ""
    changes: bool = False
    """The audit log has it as a change that was allowed, and waits for its end."""


def write(trace: Trace, format: str) -> None:
    """Log one line, as logfmt or as JSON."""
    if trace.logged is not None:
        trace.logged(trace)
    if trace.audited is not None:
        trace.audited(trace)
    if not log.isEnabledFor(logging.INFO):
        return
    if format != "json":
        ms = (perf_counter() - trace.started) * 1000
        logs.line(
            log,
            f"request_id={trace.request_id} op={trace.operation} caller={_logfmt[trace.caller]}"
            f" peer={_logfmt[trace.peer]} bucket={_logfmt[trace.bucket]} status={trace.status}"
            f" code={trace.code or '-'} bytes_in={trace.bytes_in} bytes_out={trace.bytes_out}"
            f" ms={ms:.2f}",
        )
        return
    fields = {
        "request_id": trace.request_id,
        "op": trace.operation,
        "caller": trace.caller or "-",
        "peer": trace.peer,
        "bucket": trace.bucket or "-",
        "status": trace.status,
        "code": trace.code or "-",
        "bytes_in": trace.bytes_in,
        "bytes_out": trace.bytes_out,
        "ms": round((perf_counter() - trace.started) * 1000, 2),
    }
    logs.line(log, json.dumps(fields, ensure_ascii=True))


@Memo
def _logfmt(value: str) -> str:
    """Quote what could be taken for another field or another line."""
    if not value:
        return "-"
    if value.isascii() and value.isprintable() and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=True)

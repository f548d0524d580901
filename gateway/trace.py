"""What one request leaves behind: one log line, written when its last byte has gone."""

import json
import logging
from dataclasses import dataclass, field
from time import perf_counter

log = logging.getLogger("s3gw.gateway")


@dataclass(slots=True)
class Trace:
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


def write(trace: Trace, format: str) -> None:
    """Log one line, as logfmt or as JSON."""
    if not log.isEnabledFor(logging.INFO):
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
    if format == "json":
        log.info(json.dumps(fields, ensure_ascii=True))
    else:
        log.info(" ".join(f"{name}={_logfmt(str(value))}" for name, value in fields.items()))


def _logfmt(value: str) -> str:
    """Quote what could be taken for another field or another line."""
    if value.isascii() and value.isprintable() and not set(value) & set(' "='):
        return value
    return json.dumps(value, ensure_ascii=True)

"""How log records look on stderr: logfmt or JSON, one line each, whatever is in them.

A message that is already in the format (``trace`` writes them) is taken as fields, any other as
the field ``msg``.
"""

import json
import logging
import re
import time

_FIELDS = re.compile(r"[a-z_]+=")


def setup(format: str, level: str) -> None:
    """Send all loggers of this process to stderr; replaces what was set up before."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if format == "json" else Logfmt())
    logging.basicConfig(handlers=[handler], level=level, force=True)


class Logfmt(logging.Formatter):
    """``time=2026-01-02T03:04:05.678Z level=info logger=s3gw.gateway msg="worker ended"``"""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if not _FIELDS.match(message) or not message.isprintable():
            message = f"msg={json.dumps(message)}"
        if record.exc_info:
            message += f" exc={json.dumps(self.formatException(record.exc_info))}"
        level = record.levelname.lower()
        return f"time={_time(record)} level={level} logger={record.name} {message}"


class Json(logging.Formatter):
    """The same as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        fields = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        if not (message.startswith('{"') and message.endswith("}")):
            fields["msg"] = message
        if record.exc_info:
            fields["exc"] = self.formatException(record.exc_info)
        text = json.dumps(fields)
        return text if "msg" in fields else f"{text[:-1]}, {message[1:]}"


def _time(record: logging.LogRecord) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{stamp}.{int(record.msecs):03d}Z"

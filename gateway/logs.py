"""How log records look on stderr: logfmt or JSON, one line each, whatever is in them.

A message that is already in the format (``trace`` writes them) is taken as fields, any other as
the field ``msg``.
"""

import asyncio
import json
import logging
import re
import time
from functools import lru_cache

from gateway.memo import Memo

_FIELDS = re.compile(r"[a-z_]+=")


def setup(format: str, level: str) -> None:
    """Send all loggers of this process to stderr; replaces what was set up before."""
    handler = Lines()
    handler.setFormatter(Json() if format == "json" else Logfmt())
    logging.basicConfig(handlers=[handler], level=level, force=True)


def line(log: logging.Logger, text: str) -> None:
    """``log.info(text)`` for a line of each request, at a fourth of the price.

    ``text`` is in the format already: fields and values, printable, or a JSON object.
    """
    handler = logging.root.handlers[0] if len(logging.root.handlers) == 1 else None
    if not isinstance(handler, Lines):
        log.info(text)
        return
    stamp = _stamp[int(time.time() * 1000)]
    if isinstance(handler.formatter, Json):
        text = f'{{"time": "{stamp}", "level": "info", "logger": "{log.name}", {text[1:]}'
    else:
        text = f"time={stamp} level=info logger={log.name} {text}"
    handler.add(text)


class Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """stderr. Lines of requests are written together, once in each turn of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        """Write it soon, and before any record that comes later."""
        self._waiting.append(text)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        self._write()
        super().emit(record)

    def flush(self) -> None:
        """``logging`` calls it at exit, too."""
        self.acquire()
        try:
            self._write()
            super().flush()
        finally:
            self.release()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.stream.write("\n".join([*waiting, ""]))


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


@Memo
def _stamp(milliseconds: int) -> str:
    """Many requests end in the same turn of the loop."""
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


def _time(record: logging.LogRecord) -> str:
    """RFC 3339 in UTC, with milliseconds."""
    return _stamp[int(record.created) * 1000 + int(record.msecs)]


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))

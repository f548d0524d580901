"""The event stream that carries an answer of SelectObjectContent.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

import struct
from zlib import crc32

_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_FIXED_BYTES = _PRELUDE.size + 2 * _CRC.size
_TEXT = 7
"""Type of a header's value."""


def event(name: str, payload: bytes = b"", content_type: str = "") -> bytes:
    """``Records``, ``Cont``, ``Progress``, ``Stats``, ``End``."""
    headers = {":message-type": "event", ":event-type": name}
    if content_type:
        headers[":content-type"] = content_type
    return message(headers, payload)


def failure(code: str, text: str) -> bytes:
    """What ends a stream in the place of ``End``."""
    told = text.encode()[:1024].decode(errors="ignore")
    return message({":message-type": "error", ":error-code": code, ":error-message": told}, b"")


def counts(name: str, scanned: int, processed: int, returned: int) -> bytes:
    """``Progress`` or ``Stats``; bytes read, unpacked, and sent as records."""
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="">'
        f"<BytesScanned>{scanned}</BytesScanned><BytesProcessed>{processed}</BytesProcessed>"
        f"<BytesReturned>{returned}</BytesReturned></{name}>"
    )
    return event(name, document.encode(), "text/xml")


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html"""
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(_FIXED_BYTES + len(head) + len(payload), len(head))
    begun = prelude + _CRC.pack(crc32(prelude)) + head + payload
    return begun + _CRC.pack(crc32(begun))


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return (
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _TEXT, len(text)) + text
    )

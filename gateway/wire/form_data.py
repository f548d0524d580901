"""multipart/form-data, read as it comes: one part after the other, never a whole body in memory.

Knows nothing of S3's fields.
https://www.rfc-editor.org/rfc/rfc7578 https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
"""

import re
from collections.abc import AsyncIterator

from msgspec import Struct

from gateway.errors import MalformedPOSTRequest

MAX_BOUNDARY = 70
"""Bytes, by RFC 2046."""
MAX_LINE_END = 64
"""White space that may stand between a boundary and its line break."""

_TYPE = re.compile(r"multipart/form-data[ \t]*(?:;|$)", re.IGNORECASE)
_PARAMETER = re.compile(r';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:\\"|[^"])*)"|([^;]*))')
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]")
_DISPOSITION = re.compile(r"[ \t]*form-data[ \t]*(?=;)", re.IGNORECASE)


class Part(Struct, frozen=True):
    """The head of one part."""

    name: str
    filename: str | None
    """As sent; may be a path. ``None``: none was sent."""


def boundary(content_type: str) -> bytes | None:
    """That of a Content-Type; ``None``: it is another type.

    Raises ``MalformedPOSTRequest`` for a form without a boundary that may be one.
    """
    if not _TYPE.match(content_type):
        return None
    found = _parameters(content_type).get("boundary", "").encode("latin-1", "replace")
    if not _BOUNDARY.fullmatch(found) or len(found) > MAX_BOUNDARY:
        raise MalformedPOSTRequest
    return found


class FormData:
    """The parts of a body: ``next``, then ``content`` to its end, and so on.

    Holds no more than one piece of the body and one delimiter. All raise ``MalformedPOSTRequest``
    when the body is not, or ends before it should.
    """

    def __init__(self, pieces: AsyncIterator[bytes], boundary: bytes) -> None:
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter has no line break of its own when nothing comes before it.
        self._held = bytearray(b"\r\n")
        self._begun = False

    async def next(self, most: int) -> tuple[Part | None, int]:
        """The head of the next part, ``None`` after the last, and how many bytes it took.

        At most ``most`` bytes are read for it. Raises ``OverflowError``.
        """
        preamble = 0
        if not self._begun:
            self._begun = True
            async for piece in self.content():
                preamble += len(piece)
                if preamble > most:
                    raise OverflowError
        if await self._starts_with(b"--"):
            return None, preamble
        lines = bytearray()
        async for piece in self._until(b"\r\n\r\n"):
            lines += piece
            if preamble + len(lines) > most:
                raise OverflowError
        padding, _, fields = lines.partition(b"\r\n")
        if padding.strip(b" \t") or len(padding) > MAX_LINE_END:
            raise MalformedPOSTRequest
        return _part(bytes(fields)), preamble + len(lines)

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the part whose head came last. Ends only after a sound delimiter line."""
        async for piece in self._until(self._delimiter):
            yield piece
        if not await self._starts_with(b"--") and not await self._line_ends():
            raise MalformedPOSTRequest

    async def _until(self, mark: bytes) -> AsyncIterator[bytes]:
        """What comes before ``mark``, which is taken away too."""
        keep = len(mark) - 1
        while (at := self._held.find(mark)) < 0:
            if len(self._held) > keep:
                piece = bytes(self._held[: len(self._held) - keep])
                del self._held[: len(piece)]
                yield piece
            await self._more()
        piece = bytes(self._held[:at])
        del self._held[: at + len(mark)]
        if piece:
            yield piece

    async def _starts_with(self, text: bytes) -> bool:
        while len(self._held) < len(text):
            await self._more()
        return self._held.startswith(text)

    async def _line_ends(self) -> bool:
        """Nothing but white space comes before the line break, which is left where it is."""
        while (at := self._held.find(b"\r\n")) < 0 and len(self._held) <= MAX_LINE_END:
            await self._more()
        return 0 <= at <= MAX_LINE_END and not self._held[:at].strip(b" \t")

    async def _more(self) -> None:
        piece = await anext(self._pieces, None)
        if piece is None:
            raise MalformedPOSTRequest
        self._held += piece


def _part(head: bytes) -> Part:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        raise MalformedPOSTRequest from error
    fields: dict[str, str] = {}
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon or name.lower() in fields or "\r" in line or "\n" in line:
            raise MalformedPOSTRequest
        fields[name.lower()] = value.strip(" \t")
    disposition = fields.get("content-disposition", "")
    if not _DISPOSITION.match(disposition):
        raise MalformedPOSTRequest
    parameters = _parameters(disposition)
    if "name" not in parameters:
        raise MalformedPOSTRequest
    return Part(parameters["name"], parameters.get("filename"))


def _parameters(value: str) -> dict[str, str]:
    r"""By lower-case name. In quotes only ``\"`` is an escape: old browsers send ``C:\dir\file``.

    Raises ``MalformedPOSTRequest`` when one comes twice: two readers might take different ones.
    """
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value):
        if name.lower() in found:
            raise MalformedPOSTRequest
        found[name.lower()] = quoted.replace('\\"', '"') or plain.strip(" \t")
    return found

"""Annotations: named texts that belong to one version of an object. Verbs of ``Store`` and commits.

An annotation is an entry like others, so its bytes are staged, shared, checked and given back as
those of objects are. It is in ``ANNOTATIONS``, which is no bucket, under the version's token
(``Attributes.annotations``) and its name. ``apply`` lets it go with the row that has the token.
"""

import secrets
from collections.abc import Callable

import apsw
import msgspec
from msgspec.structs import replace

from store import listing, names, versions
from store.apply import ANNOTATIONS
from store.changes import DropEntry, Inline, Known, PutEntry
from store.commits import (
    ANYTHING,
    CopyObject,
    judge,
    put_and_read,
    put_attributes,
    put_staged,
)
from store.database import one
from store.engine import Engine
from store.errors import Locked, NoSuchEntry, TooManyAnnotations
from store.records import Attributes, Bucket, Entry, Expect, Extent, Page, Staged
from store.retention import protects
from store.transaction import Commit, Transaction

MOST = 1000
"""Of one version."""
_TOKEN_BYTES = 16


def annotation_name(annotation: Entry) -> str:
    return annotation.key[_TOKEN_BYTES:].decode()


def _now(transaction: Transaction, entry: Entry, expect: Expect) -> Entry:
    """The version as it is now. Raises ``NoSuchEntry``, ``ExpectationFailed``."""
    transaction.bucket(entry.bucket)
    found = versions.version(transaction.db, entry.bucket, entry.key, entry.version)
    if not isinstance(found, Entry):
        raise NoSuchEntry(repr(entry.key))
    judge(found.etag, found.size, found.modified, expect)
    return found


class PutAnnotation(Commit[Entry]):
    grows = True

    def __init__(
        self,
        entry: Entry,
        name: str,
        staged: Staged,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect,
        now: int,
    ) -> None:
        self.extents: tuple[Extent, ...] = staged.extents
        self.weight = len(staged.body or b"")
        self._entry = entry
        self._expect = expect
        self._now = now
        self._name = name.encode()
        self._change = put_staged(ANNOTATIONS, b"", staged, owner, attributes, now)

    def decide(self, transaction: Transaction) -> Entry:
        db = transaction.db
        current = _now(transaction, self._entry, self._expect)
        token = current.attributes.annotations
        if token is not None and names.entry(db, ANNOTATIONS, token + self._name) is not None:
            if protects(current.attributes.lock, self._now):
                raise Locked(repr(current.key))
        elif token is not None and _count(db, token) >= MOST:
            raise TooManyAnnotations(repr(current.key))
        if token is None:
            token = secrets.token_bytes(_TOKEN_BYTES)
            put_attributes(transaction, current, replace(current.attributes, annotations=token))
        change = msgspec.structs.replace(self._change, key=token + self._name)
        return put_and_read(transaction, change, "", "")


def _count(db: apsw.Connection, token: bytes) -> int:
    row = one(
        db,
        "SELECT count(*) FROM entry WHERE bucket = ? AND key > ? AND key < ?",
        (ANNOTATIONS, token, token + b"\xff"),
    )
    return row[0] if row else 0


class DeleteAnnotation(Commit[None]):
    def __init__(self, entry: Entry, name: str, expect: Expect, now: int, *, bypass: bool) -> None:
        self._entry = entry
        self._name = name.encode()
        self._expect = expect
        self._now = now
        self._bypass = bypass

    def decide(self, transaction: Transaction) -> None:
        current = _now(transaction, self._entry, self._expect)
        token = current.attributes.annotations
        if token is None or names.entry(transaction.db, ANNOTATIONS, token + self._name) is None:
            return
        if protects(current.attributes.lock, self._now, bypass=self._bypass):
            raise Locked(repr(current.key))
        transaction.apply(DropEntry(ANNOTATIONS, token + self._name, self._now))


class CopyAnnotated(CopyObject):
    """The object with its annotations."""

    def __init__(
        self,
        source: Entry,
        bucket: Bucket,
        key: bytes,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect,
        now: int,
    ) -> None:
        self._token = secrets.token_bytes(_TOKEN_BYTES)
        self._when = now
        attributes = replace(attributes, annotations=self._token)
        super().__init__(
            source, bucket, key, owner=owner, attributes=attributes, expect=expect, now=now
        )

    def before(self, transaction: Transaction, source: Entry) -> None:
        # Before the object: where it takes the place of its source, that is when they would go.
        db, token = transaction.db, source.attributes.annotations
        assert token is not None
        for each in listing.list_entries(
            db, ANNOTATIONS, prefix=token, delimiter=b"", after=b"", limit=MOST
        ).entries:
            inline = None if each.body is None else names.inline_bytes(db, each.body)
            transaction.apply(
                PutEntry(
                    bucket=ANNOTATIONS,
                    key=self._token + each.key[_TOKEN_BYTES:],
                    size=each.size,
                    cid=each.cid,
                    etag=each.etag,
                    modified=self._when,
                    owner=each.owner,
                    attributes=each.attributes,
                    source=Known() if each.body is None else Inline(inline),
                )
            )


class Annotated:
    """Needs what ``Store.start`` sets."""

    _clock: Callable[[], int]
    _db: apsw.Connection
    _engine: Engine

    def annotation(self, entry: Entry, name: str) -> Entry | None:
        """Of this version, to be opened like an object."""
        token = entry.attributes.annotations
        return None if token is None else names.entry(self._db, ANNOTATIONS, token + name.encode())

    def annotations(self, entry: Entry, *, prefix: str, after: str, limit: int) -> Page:
        """In byte order of their names; ``annotation_name`` tells these."""
        token = entry.attributes.annotations
        if token is None:
            return Page([], [], None, more=False)
        return listing.list_entries(
            self._db,
            ANNOTATIONS,
            prefix=token + prefix.encode(),
            delimiter=b"",
            after=token + after.encode(),
            limit=limit,
        )

    async def put_annotation(
        self,
        entry: Entry,
        name: str,
        staged: Staged,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect = ANYTHING,
    ) -> Entry:
        """Name staged bytes as an annotation of this version; one of that name is replaced.

        ``expect`` is of the object. Raises ``NoSuchBucket``, ``NoSuchEntry``,
        ``ExpectationFailed``, ``Locked`` (one would be replaced of what is locked),
        ``TooManyAnnotations``; then the staged bytes are discarded.
        """
        commit = PutAnnotation(
            entry,
            name,
            staged,
            owner=owner,
            attributes=attributes,
            expect=expect,
            now=self._clock(),
        )
        return await self._engine.submit(commit, staged)

    async def delete_annotation(
        self, entry: Entry, name: str, *, expect: Expect = ANYTHING, bypass: bool = False
    ) -> None:
        """What is not there is as good as deleted. Raises as ``put_annotation``.

        ``bypass``: also of a version under retention by governance.
        """
        commit = DeleteAnnotation(entry, name, expect, self._clock(), bypass=bypass)
        await self._engine.submit(commit)

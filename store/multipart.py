"""The verbs on multipart uploads, as the committer runs them: conditions first, then changes."""

from collections.abc import Sequence

import apsw
import msgspec

from store import names
from store.changes import (
    CompleteUpload,
    DropUpload,
    Inline,
    Placed,
    PutEntry,
    PutPart,
    PutUpload,
)
from store.commits import kept, require
from store.database import every, one
from store.errors import NoSuchUpload, PartChanged
from store.failpoints import hit
from store.joining import Joined
from store.records import Attributes, Entry, Expect, Extent, Part, Staged, Upload
from store.transaction import Commit, Transaction


def require_upload(db: apsw.Connection, upload: str) -> None:
    """Raises ``NoSuchUpload`` unless it is in progress."""
    row = one(db, "SELECT completed_etag FROM upload WHERE id = ?", (upload,))
    if row is None or row[0] is not None:
        raise NoSuchUpload(upload)


class CreateUpload(Commit[None]):
    grows = True

    def __init__(self, upload: Upload) -> None:
        self._change = PutUpload(
            upload.id,
            upload.bucket,
            upload.key,
            upload.owner,
            upload.created,
            upload.attributes,
            upload.checksum_algorithm,
            upload.checksum_type,
        )

    def decide(self, transaction: Transaction) -> None:
        transaction.bucket(self._change.bucket)
        transaction.apply(self._change)


class UploadPart(Commit[Part]):
    """Parts always go to segments, however small, so that Complete need not move bytes."""

    grows = True

    def __init__(
        self,
        upload: Upload,
        number: int,
        staged: Staged,
        *,
        checksums: dict[str, str],
        now: int,
    ) -> None:
        """``staged`` is in segments (``Engine.placed``) or empty."""
        self.extents: tuple[Extent, ...] = staged.extents
        self._upload, self._number, self._staged = upload.id, number, staged
        self._checksums = checksums
        self._now = now

    def decide(self, transaction: Transaction) -> Part:
        hit("M1")
        require_upload(transaction.db, self._upload)
        staged, etag = self._staged, self._staged.digests["md5"].hex()
        seq = transaction.apply(
            PutPart(
                self._upload,
                self._number,
                staged.size,
                etag,
                self._now,
                self._checksums,
                self.extents,
                staged.leaves,
            )
        )
        number, checksums = self._number, self._checksums
        return Part(self._upload, number, seq, staged.size, etag, self._now, checksums)


class Complete(Commit[Entry]):
    """Name the bytes of the parts that were joined, if they are still the same."""

    def __init__(
        self,
        upload: Upload,
        parts: Sequence[Part],
        joined: Joined,
        *,
        owner: str,
        etag: str,
        attributes: Attributes,
        expect: Expect,
        now: int,
        size: int | None = None,
    ) -> None:
        """``size`` is what clients see, where that is not the number of bytes."""
        self._parts = parts
        self._expect = expect
        entry = PutEntry(
            bucket=upload.bucket,
            key=upload.key,
            size=joined.size if size is None else size,
            cid=joined.cid,
            etag=etag,
            modified=now,
            owner=owner,
            attributes=attributes,
            source=Placed(joined.extents, joined.leaves) if joined.size else Inline(b""),
            parts=joined.parts,
        )
        self._change = CompleteUpload(upload.id, tuple(p.number for p in parts), entry)

    def decide(self, transaction: Transaction) -> Entry:
        db, change = transaction.db, self._change
        versioning, lock = transaction.bucket(change.entry.bucket)
        require_upload(db, change.upload)
        rows = every(db, "SELECT number, seq FROM part WHERE upload = ?", (change.upload,))
        there = {number: seq for number, seq in rows}
        for part in self._parts:
            if there.get(part.number) != part.seq:
                raise PartChanged(part.number)
        require(db, change.entry.bucket, change.entry.key, self._expect)
        hit("M3")
        entry = kept(change.entry, versioning, lock)
        transaction.apply(msgspec.structs.replace(change, entry=entry))
        made = names.entry(db, change.entry.bucket, change.entry.key)
        assert made is not None
        return made


class DropUploads(Commit[int]):
    """Abort uploads in progress, or forget those completed. Returns how many were there."""

    def __init__(self, uploads: Sequence[str], now: int) -> None:
        self._uploads = uploads
        self._now = now

    def decide(self, transaction: Transaction) -> int:
        dropped = 0
        for upload in self._uploads:
            row = one(transaction.db, "SELECT 1 FROM upload WHERE id = ?", (upload,))
            if row is not None:
                transaction.apply(DropUpload(upload, self._now))
                dropped += 1
        return dropped


class Abort(Commit[None]):
    def __init__(self, upload: Upload, now: int) -> None:
        self._change = DropUpload(upload.id, now)

    def decide(self, transaction: Transaction) -> None:
        require_upload(transaction.db, self._change.upload)
        hit("D1")
        transaction.apply(self._change)

"""Base: a verified copy of the database as one change left it, ``base/<lsn>.sqlite``.

With the journal after that change and the segments it is the whole store, so what the journal has
from before it is needed no more. Each has its SHA-256 beside it: a copy that rots is not used.
"""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import apsw
from msgspec import Struct

from store import files, fsck_rows, outbox
from store.database import every
from store.errors import Damaged
from store.fsck_rows import Found

Progress = Callable[[int, int], None]

_NAME = re.compile(r"\d{16,}\.(sqlite|sha256|sha256\.new)|draft(-journal|-expected(-wal|-shm)?)?")
_PAGES = 256  # copied between two looks at the throttle: 1 MiB
_PIECE = 1 << 20


class Base(Struct, frozen=True):
    """One of the files, as its name has it."""

    lsn: int
    path: Path

    @property
    def sum_path(self) -> Path:
        return self.path.with_suffix(".sha256")

    def intact(self) -> bool:
        """Whether it is what was written. Reads all of it; not an error when it is gone."""
        try:
            return self.sum_path.read_text() == _sha256(self.path)
        except OSError:
            return False


def bases(directory: Path) -> list[Base]:
    """All of a data directory, oldest first."""
    found = [Base(int(path.stem), path) for path in (directory / "base").glob("*.sqlite")]
    return sorted(found, key=lambda base: base.lsn)


def newest(directory: Path) -> Base | None:
    """The newest that is intact, or ``None``."""
    return next((base for base in reversed(bases(directory)) if base.intact()), None)


def write(
    source: apsw.Connection,
    directory: Path,
    *,
    spent: Callable[[int], None] = lambda count: None,
    progress: Progress = lambda done, of: None,
    also: Callable[[apsw.Connection], None] = lambda copy: None,
) -> Base:
    """Copy what ``source`` sees in its transaction; verified and on disk on return.

    The transaction is ended as soon as all is copied: meanwhile the write-ahead log grows.

    ``spent`` gets the bytes of each step, ``also`` verifies more of the copy. Raises ``Damaged``
    when rows of it do not hold, and then leaves no base; ``apsw.Error``, ``NoSpace``,
    ``Unavailable``.
    """
    folder = directory / "base"
    files.make_directory(folder)
    base = Base(lsn := outbox.last_lsn(source), folder / f"{lsn:016d}.sqlite")
    draft = folder / "draft"
    for path in (draft, folder / "draft-journal"):
        files.unlink(path)
    os.close(files.create(draft))
    with closing(apsw.Connection(str(draft))) as target:
        _copy_pages(source, target, spent, progress)
        source.execute("COMMIT")
        # One file that needs no log beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        verify(target)
        also(target)
    files.sync_file(draft)
    files.replace(base.sum_path, _sha256(draft).encode())
    draft.rename(base.path)
    files.sync_directory(folder)
    return base


def _copy_pages(
    source: apsw.Connection,
    target: apsw.Connection,
    spent: Callable[[int], None],
    progress: Progress,
) -> None:
    """https://sqlite.org/backup.html. A source in a transaction is never started over."""
    page_bytes = int(source.pragma("page_size"))
    with target.backup("main", source, "main") as copy:
        while not copy.done:
            before = copy.remaining
            copy.step(_PAGES)
            done = copy.page_count - copy.remaining
            spent((before - copy.remaining if before else done) * page_bytes)
            progress(done * page_bytes, copy.page_count * page_bytes)


def verify(db: apsw.Connection) -> None:
    """Raises ``Damaged`` when its pages or rows do not hold. Reads all of them."""
    for (text,) in db.execute("PRAGMA integrity_check"):
        if text != "ok":
            raise Damaged(f"the database: {text}")
    for kind, where, _ in fsck_rows.check(db, fast=False):
        raise Damaged(f"the database: {kind}: {where}")


def restore(base: Base, path: Path) -> None:
    """Make the database ``path`` of it, which must not be there. On disk when this returns.

    Killed, it leaves nothing at ``path``. Raises ``NoSpace``, ``Unavailable``.
    """
    draft = path.with_name(f"{path.name}.restoring")
    files.unlink(draft)
    files.copy(base.path, draft)
    draft.rename(path)
    files.sync_directory(path.parent)


def drop_before(directory: Path, lsn: int) -> None:
    """Remove the bases that are older."""
    for base in bases(directory):
        if base.lsn < lsn:
            files.unlink(base.path)
            files.unlink(base.sum_path)


def check(directory: Path) -> Found:
    """What ``store.fsck`` has to say about them."""
    folder = directory / "base"
    with suppress(FileNotFoundError):
        for path in sorted(folder.iterdir()):
            if _NAME.fullmatch(path.name) is None:
                yield "file", f"{path} is no base", path.stat().st_size
    for base in bases(directory):
        if not base.intact() and base.path.exists():
            yield "base", f"{base.path} is not what was written", base.path.stat().st_size


def store_of(base: Base) -> str:
    """The id of the store it is of."""
    with closing(apsw.Connection(str(base.path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        return str(every(db, "SELECT store FROM state")[0][0])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

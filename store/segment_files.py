"""SegmentFiles: segments by number, on disk. Knows nothing of who appends where."""

import os
from pathlib import Path

from store import files
from store.errors import Damaged, StoreError, Unavailable
from store.failpoints import hit
from store.frontier import page_up


class SegmentFiles:
    """The files ``segments/00000001.seg`` and on of one data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "segments"
        files.make_directory(self._directory)

    def path(self, number: int) -> Path:
        return self._directory / f"{number:08d}.seg"

    def create(self, number: int) -> int:
        """A new, empty segment to write, its name on disk.

        Raises ``FileExistsError``, ``NoSpace``, ``Unavailable``.
        """
        file = files.create(self.path(number))
        hit("P6")
        try:
            files.sync(file)
            files.sync_directory(self._directory)
        except StoreError:
            os.close(file)
            raise
        return self._claim(number, file)

    def resume(self, number: int, position: int) -> int:
        """A segment to write on from ``position``; what is above it is cut off.

        Raises ``FileNotFoundError``, ``Damaged`` when the file is shorter, and ``Unavailable``,
        also when another process writes it.
        """
        file = self._claim(number, files.open_write(self.path(number)))
        try:
            if os.fstat(file).st_size < position:
                raise Damaged(f"segment {number} is shorter than {position}")
            files.truncate(file, position)
        except StoreError:
            os.close(file)
            raise
        return file

    def open(self, number: int) -> int:
        """A segment to read, by a description of its own. Raises ``Damaged`` when it is gone."""
        try:
            return files.open_read(self.path(number))
        except FileNotFoundError:
            raise Damaged(f"segment {number} is gone") from None

    def free(self, number: int, offset: int, length: int) -> bool:
        """Give the space of a range back, to the end of its last page. False while it is read.

        Not an error when the segment is gone, nor when the file system cannot free ranges.
        Raises ``Unavailable``.
        """
        try:
            file = files.open_write(self.path(number))
        except FileNotFoundError:
            return True
        try:
            free = files.lock_exclusive_nowait(file, offset, length)
            if free:
                files.punch(file, offset, page_up(length))
        finally:
            os.close(file)
        return free

    def _claim(self, number: int, file: int) -> int:
        if not files.lock_file(file):
            os.close(file)
            raise Unavailable(f"segment {number} is written by another process")
        return file

"""WalIndex: which state of the database a read would see now, without a statement. 0.2 us.

SQLite keeps the header of its wal-index twice at the start of memory that all processes share
(https://sqlite.org/walformat.html#the_wal_index_file_format). It is read here where SQLite itself
has it mapped: to open the file a second time would, at its close, drop SQLite's own locks.

Why what was read under one header is current as long as the header is the same:

- A commit becomes visible to any reader by writing a new header, both copies, and by nothing else;
  with its count of transactions (``iChange``), its last frame, the salts of the log and the running
  checksum over all frames no two states share one. So equal headers are equal states, also after a
  restart of the log, and after the recovery of a header whose writer was killed.
- A commit is acknowledged after its header was written, by whichever process. Who asks later sees
  the new one: it is the same memory, and the answer has crossed a socket or a lock since.
- While a header is being written its copies differ: then there is no answer, and nothing may be
  remembered. The first copy is written last, as SQLite's readers expect it.
- Checkpoints move frames and change nothing that is read; a new log has new salts.

A value read between two equal answers is of that state: its statement began after the first answer
and saw that header or a later one, and headers do not come back.
"""

import ctypes

import apsw

_SIZE = 48
"""Of one copy."""
_REGION = 32768
"""As SQLite maps it (``WALINDEX_PGSZ``)."""

_Map = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_void_p),
)


class _Methods(ctypes.Structure):
    """https://sqlite.org/c3ref/io_methods.html up to ``xShmMap``"""

    _fields_ = (
        ("version", ctypes.c_int),
        ("others", ctypes.c_void_p * 12),
        ("shm_map", _Map),
    )


class _File(ctypes.Structure):
    """https://sqlite.org/c3ref/file.html"""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class WalIndex:
    """Of the database that ``db`` has open in WAL mode. ``close`` it before ``db``."""

    def __init__(self, db: apsw.Connection) -> None:
        self._last = b""
        self._header = _header(db)

    def state(self) -> bytes | None:
        """Equal answers: no commit came between. ``None``: one is just coming, or it is closed."""
        if self._header is None:
            return None
        seen: bytes = self._header.raw
        if seen != self._last:
            if seen[:_SIZE] != seen[_SIZE:]:
                return None
            self._last = seen
        return self._last

    def close(self) -> None:
        self._header = None


def _header(db: apsw.Connection) -> "ctypes.Array[ctypes.c_char] | None":
    """Both copies. There as long as ``db`` is open."""
    db.execute("SELECT 1 FROM sqlite_schema").fetchall()  # has SQLite map it
    file = ctypes.POINTER(_File)()
    db.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(file))
    methods = file.contents.methods.contents
    start = ctypes.c_void_p()
    if methods.version < 2 or methods.shm_map(file, 0, _REGION, 0, ctypes.byref(start)) != 0:
        return None
    return (ctypes.c_char * (2 * _SIZE)).from_address(start.value) if start.value else None

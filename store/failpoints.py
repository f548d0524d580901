"""Named instants at which a test can kill this process. Costs one empty call when none is armed.

``S3GW_FAILPOINT=P3:2`` sends SIGKILL to the process when it reaches ``P3`` for the second time, so
nothing is cleaned up. The variable is read once, at import; nothing else in the store reads the
environment. It is no setting: a server that serves people never has it.

=======  ==========================================================================
P1       a body's bytes are in its segment
P2       segments are synced, before the transaction
P3       inside the transaction, before COMMIT
P4       committed, before the caller hears of it
P5 P6    a new segment has its row; it has its file, of which nothing is on disk yet
J1       committed, before the journal has it
M1 M2    a part's bytes are in its segment; its row is committed
M3 M4    Complete found all parts; Complete is committed
M5       the object is named, its parts are not yet dropped
D1 D2    before and after rows are deleted
G1 G2    the collector chose what to free; it holds the lock on it
G3 G5    compaction: bytes are copied, not synced; the content is moved to them
G6 G7    before and after a segment file is unlinked
S1-S3    start: database recovered, journal tail cut, nameless bytes to be returned
S4       some of the changes that the database had lost are replayed
R1 R2    rebuild: the new database is on disk; the old one has been put aside
C1 C2    scrub: damage is in the report; it is in quarantine
A1-A3    adopt: numbers are passed over; the journal is put aside; there is a base
T1 T2    trimming: the new base is in place; a file of the journal is gone
K1 K2    rotation of the master key: the new one is on disk; everything is sealed under it
K3-K5    that is committed; the old key is kept under its id; the new one has its name
B1 B2    backup: the database is copied; all is, but not under its name yet
=======  ==========================================================================
"""

import os
import signal


def _arm(spec: str) -> tuple[str, int]:
    name, _, count = spec.partition(":")
    return name, int(count or "1")


_name, _left = _arm(os.environ.get("S3GW_FAILPOINT", ""))


def _count(name: str) -> None:
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _pass(name: str) -> None:
    pass


hit = _count if _name else _pass
"""``hit("P1")``: here is the point called P1."""

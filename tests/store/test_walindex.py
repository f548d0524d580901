"""Equal states are equal stores, whoever writes, and whatever becomes of the log."""

import subprocess
import sys
from contextlib import closing

import apsw
import pytest

from store.database import FILE
from store.walindex import WalIndex
from tests.store.storing import make_bucket, opened, put, serving

WRITER = """
import sys, apsw
db = apsw.Connection(sys.argv[1])
db.set_busy_timeout(5000)
db.pragma("synchronous", 0)
for line in sys.stdin:
    number = int(line)
    if number % 7 == 0:
        db.pragma("wal_checkpoint(TRUNCATE)" if number % 2 else "wal_checkpoint(RESTART)")
    db.execute("UPDATE counted SET number = ?", (number,))
    print(number, flush=True)
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "counted.sqlite"
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("journal_mode", "WAL")
        db.execute("CREATE TABLE counted (number)")
        db.execute("INSERT INTO counted VALUES (0)")
        yield path, db


def number(db):
    return db.execute("SELECT number FROM counted").fetchall()[0][0]


def test_what_was_read_in_one_state_is_what_a_read_would_give(database):
    """Against a writer in another process, whose log is emptied again and again."""
    path, _ = database
    with (
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer,
        closing(apsw.Connection(str(path))) as reader,
    ):
        index = WalIndex(reader)
        seen, rounds = {}, 1500
        seen[index.state()] = 0
        for wanted in range(1, rounds + 1):
            writer.stdin.write(f"{wanted}\n")
            writer.stdin.flush()
            while int(writer.stdout.readline()) != wanted:
                pass
            state = index.state()
            assert state is not None
            assert state not in seen, f"{wanted} looks like {seen[state]}"
            assert number(reader) == wanted
            assert index.state() == state
            seen[state] = wanted
        writer.stdin.close()
        index.close()


def test_a_checkpoint_changes_nothing_that_is_read(database):
    path, db = database
    with closing(apsw.Connection(str(path))) as reader:
        index = WalIndex(reader)
        before = index.state()
        db.pragma("wal_checkpoint(PASSIVE)")
        assert index.state() == before
        db.execute("UPDATE counted SET number = 1")
        assert index.state() != before
        index.close()


def test_a_transaction_that_is_open_or_undone_is_not_seen(database):
    path, db = database
    with closing(apsw.Connection(str(path))) as reader:
        index = WalIndex(reader)
        before = index.state()
        db.execute("BEGIN; UPDATE counted SET number = 1")
        assert index.state() == before
        db.execute("ROLLBACK")
        assert index.state() == before
        index.close()


def test_there_is_no_state_while_a_header_is_being_written(database):
    path, _ = database
    with closing(apsw.Connection(str(path))) as reader:
        index = WalIndex(reader)
        whole = index.state()
        index._header = type("Memory", (), {"raw": whole[:95] + bytes([whole[95] ^ 1])})()
        assert index.state() is None
        index.close()


async def test_every_change_of_a_store_changes_its_state(tmp_path):
    async with opened(tmp_path) as store:
        states = [store.state()]
        bucket = await make_bucket(store)
        states.append(store.state())
        for data in (b"one", b"two"):
            await put(store, bucket, b"key", data)
            states.append(store.state())
        await store.delete(bucket, [b"key"])
        states.append(store.state())
        assert None not in states
        assert len(set(states)) == len(states)
        with closing(apsw.Connection(str(tmp_path / FILE))) as other:
            other.execute("UPDATE bucket SET acl = 'public-read'")
        assert store.state() not in states
    assert store.state() is None


async def test_a_bucket_is_never_older_than_the_last_change(tmp_path):
    async with opened(tmp_path) as store, serving(tmp_path, worker=1) as other:
        await make_bucket(store)
        for acl in ("public-read", "private") * 20:
            assert other.bucket("bucket") == other.bucket("bucket") == store.bucket("bucket")
            await store.set_bucket_acl(store.bucket("bucket"), acl)
            assert (store.bucket("bucket").acl, other.bucket("bucket").acl) == (acl, acl)
        await store.delete_bucket(store.bucket("bucket"))
        assert (store.bucket("bucket"), other.bucket("bucket")) == (None, None)

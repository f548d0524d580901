"""Messages about changes: in the same transaction, in order, bounded, journalled and replayed."""

from contextlib import closing

import pytest
from storing import dump, make_bucket, opened, put, replayed

from store import database, fsck, messages
from store.changes import DropEntry, PutEntry
from store.errors import ExpectationFailed
from store.messages import Message
from store.records import Expect


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


def told(lsn, changes):
    for number, change in enumerate(changes, lsn):
        if isinstance(change, PutEntry | DropEntry):
            yield "q", b"%s %s %d" % (type(change).__name__.encode(), change.key, number)


async def test_a_change_and_its_message_are_one_commit(directory, tmp_path):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        loud = store.announcing(told)
        entry = await put(loud, bucket, b"k", b"body")
        await put(store, bucket, b"quiet", b"body")
        await loud.delete(bucket, [b"k", b"none"])
        with pytest.raises(ExpectationFailed):
            await put(loud, bucket, b"quiet", b"x", expect=Expect(not_etags=("*",)))
        first, second = store.messages("q", 10)
        assert first == Message(1, b"PutEntry k %d" % entry.seq)
        assert second.body.startswith(b"DropEntry k ")
        assert store.messages("q", 1) == [first]
        assert store.messages("other", 10) == []
        await store.forget_messages("q", 1)
        assert store.messages("q", 10) == [second]
    assert list(fsck.check(directory)) == []
    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_what_waits_survives_a_restart_and_goes_on_in_order(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        await put(store.announcing(told), bucket, b"a", b"1")
    async with opened(directory) as store:
        await put(store.announcing(told), bucket, b"b", b"2")
        assert [each.number for each in store.messages("q", 10)] == [1, 2]
        await store.forget_messages("q", 2)
        await put(store.announcing(told), bucket, b"c", b"3")
        (last,) = store.messages("q", 10)
        assert last.body.startswith(b"PutEntry c ")


async def test_a_full_queue_takes_no_more_but_the_change_does_happen(
    directory, monkeypatch, caplog
):
    monkeypatch.setattr(messages, "MOST_WAITING", 2)
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        loud = store.announcing(told)
        for key in (b"a", b"b", b"c"):
            await put(loud, bucket, key, key)
        assert [each.number for each in store.messages("q", 10)] == [1, 2]
        assert store.entry(bucket, b"c") is not None
        assert "queue q is full" in caplog.text
        await store.forget_messages("q", 1)
        await put(loud, bucket, b"d", b"d")
        assert [each.number for each in store.messages("q", 10)] == [2, 3]


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("UPDATE message SET body = x'00' WHERE number = 2", "message-checksum"),
        ("DELETE FROM message WHERE number = 2", "message-order"),
    ],
)
async def test_fsck_sees_a_damaged_queue(directory, damage, kind):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for key in (b"a", b"b", b"c"):
            await put(store.announcing(told), bucket, key, key)
    with closing(database.open_writer(directory / database.FILE, "none")) as db:
        db.execute(damage)
    assert kind in [found.kind for found in fsck.check(directory)]

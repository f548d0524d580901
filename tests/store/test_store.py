"""The verbs of Store, each on real files."""

import asyncio
import hashlib
from contextlib import closing

import pytest
from storing import (
    LARGE,
    PLAIN,
    PROFILE,
    Bytes,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    replayed,
    serving,
)

from store.database import FILE, open_writer
from store.errors import (
    BucketExists,
    BucketNotEmpty,
    Damaged,
    ExpectationFailed,
    NoSuchBucket,
    NoSuchEntry,
)
from store.records import Attributes, Deleted, Deletion, Expect
from store.unixfs import PROFILES, leaf_digest, root

EXISTS = Expect(etags=("*",))
ABSENT = Expect(not_etags=("*",))


def cid_of(data: bytes) -> bytes:
    profile = PROFILES[PROFILE]
    chunks = [data[at : at + profile.chunk] for at in range(0, len(data), profile.chunk)] or [b""]
    return root(profile, b"".join(leaf_digest(profile, chunk) for chunk in chunks), len(data))


# --- buckets -----------------------------------------------------------------------------------


async def test_a_bucket_is_found_by_its_name(store):
    made = await make_bucket(store, "photos")

    assert store.bucket("photos") == made
    assert store.bucket("photo") is None


async def test_a_taken_bucket_name_says_who_has_it(store):
    await make_bucket(store, "photos", owner="A")

    with pytest.raises(BucketExists) as refused:
        await make_bucket(store, "photos", owner="B")
    assert refused.value.owner == "A"


async def test_buckets_of_one_owner_come_by_name_and_page(store):
    for name in ("c", "a", "b", "ab"):
        await make_bucket(store, name, owner="A")
    await make_bucket(store, "other", owner="B")

    assert [b.name for b in store.buckets("A", limit=10)] == ["a", "ab", "b", "c"]
    assert [b.name for b in store.buckets("A", limit=2)] == ["a", "ab"]
    assert [b.name for b in store.buckets("A", after="ab", limit=2)] == ["b", "c"]
    assert [b.name for b in store.buckets("A", prefix="a", limit=10)] == ["a", "ab"]
    assert [b.name for b in store.buckets("A", prefix="a", after="a", limit=10)] == ["ab"]


async def test_a_changed_acl_is_seen_at_once(store, bucket):
    await store.set_bucket_acl(bucket, "public-read")

    assert store.bucket("bucket").acl == "public-read"


async def test_a_bucket_goes_only_when_it_is_empty(store, bucket):
    await put(store, bucket, b"k", b"data")
    with pytest.raises(BucketNotEmpty):
        await store.delete_bucket(bucket)

    await store.delete(bucket, [b"k"])
    await store.delete_bucket(bucket)

    assert store.bucket("bucket") is None


async def test_a_bucket_made_again_is_another(store, bucket):
    await store.delete_bucket(bucket)
    again = await make_bucket(store)

    assert again.id > bucket.id
    for verb in (
        store.set_bucket_acl(bucket, "private"),
        store.delete_bucket(bucket),
        put(store, bucket, b"k", b"small"),
        put(store, bucket, b"k", noise("large", LARGE)),
        store.create_upload(bucket, b"k", owner="", attributes=PLAIN),
    ):
        with pytest.raises(NoSuchBucket):
            await verb


# --- objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, LARGE, 1 << 20, (1 << 20) + 1, 5 << 20])
async def test_what_was_put_is_read_back(store, bucket, size):
    data = noise("body", size)

    entry = await put(store, bucket, b"k", data)

    assert (entry.size, entry.cid) == (size, cid_of(data))
    assert entry.etag == hashlib.md5(data).hexdigest()
    assert store.entry(bucket, b"k") == entry
    assert await content(store, entry) == data
    assert await content(store, entry, size // 3, size // 2) == data[size // 3 :][: size // 2]


async def test_what_a_client_said_is_given_back(store, bucket):
    said = Attributes(
        headers={"content-type": "text/plain", "expires": "never"},
        metadata={"colour": "grün"},
        checksums={"CRC32": "AAAAAA=="},
        checksum_type="FULL_OBJECT",
        acl="public-read",
    )

    await put(store, bucket, b"k", b"data", attributes=said)

    assert store.entry(bucket, b"k").attributes == said
    assert store.list_entries(bucket).entries[0].attributes == said


@pytest.mark.parametrize("key", [b"/", b"..", b"a\x00b", b"\xff\xff", "ü/ö".encode(), b" " * 1024])
async def test_a_key_is_any_bytes(store, bucket, key):
    await put(store, bucket, key, b"data")

    assert store.entry(bucket, key).key == key
    assert [e.key for e in store.list_entries(bucket).entries] == [key]


async def test_an_overwrite_replaces_and_counts_up(store, bucket):
    first = await put(store, bucket, b"k", b"first")
    second = await put(store, bucket, b"k", noise(2, LARGE))

    assert second.seq > first.seq
    assert store.entry(bucket, b"k") == second
    with pytest.raises(NoSuchEntry):
        store.open(first, 0, 5)


async def test_deleting_the_absent_is_no_error(store, bucket):
    await put(store, bucket, b"k", b"data")

    assert await store.delete(bucket, [b"k", b"k", b"other"]) == [Deleted()] * 3
    assert store.entry(bucket, b"k") is None


async def test_each_deletion_has_its_own_condition(store, bucket):
    entry = await put(store, bucket, b"a", b"data")
    await put(store, bucket, b"b", b"data")

    answers = await store.delete(
        bucket,
        [
            Deletion(b"a", expect=Expect(etags=(entry.etag,))),
            Deletion(b"b", expect=Expect(etags=("other",))),
            Deletion(b"c", expect=EXISTS),
        ],
    )

    assert [type(answer) for answer in answers] == [Deleted, ExpectationFailed, NoSuchEntry]
    assert [e.key for e in store.list_entries(bucket).entries] == [b"b"]


@pytest.mark.parametrize(
    ("expect", "absent", "present"),
    [
        (Expect(), None, None),
        (EXISTS, NoSuchEntry, None),
        (ABSENT, None, ExpectationFailed),
        (Expect(etags=("ETAG",)), NoSuchEntry, None),
        (Expect(etags=("other", "ETAG")), NoSuchEntry, None),
        (Expect(etags=("other",)), NoSuchEntry, ExpectationFailed),
        (Expect(not_etags=("ETAG",)), None, ExpectationFailed),
        (Expect(not_etags=("other",)), None, None),
    ],
)
@pytest.mark.parametrize("size", [3, LARGE])
async def test_conditions_are_judged_at_the_commit(store, bucket, expect, absent, present, size):
    data = noise("old", size)
    etag = hashlib.md5(data).hexdigest()
    expect = Expect(
        *(
            tuple(etag if e == "ETAG" else e for e in each)
            for each in (expect.etags, expect.not_etags)
        )
    )

    for key, refused in ((b"absent", absent), (b"present", present)):
        await put(store, bucket, b"present", data)
        if refused is None:
            assert await put(store, bucket, key, noise("new", size), expect=expect)
        else:
            before = store.entry(bucket, key)
            with pytest.raises(refused):
                await put(store, bucket, key, noise("new", size), expect=expect)
            assert store.entry(bucket, key) == before


@pytest.mark.parametrize("size", [100, LARGE])
async def test_of_racing_creators_one_wins(directory, size):
    async with opened(directory) as one, serving(directory, worker=1) as two:
        bucket = await make_bucket(one)
        bodies = [noise(n, size) for n in range(64)]

        answers = await asyncio.gather(
            *(
                put((one, two)[n % 2], bucket, b"k", body, expect=ABSENT)
                for n, body in enumerate(bodies)
            ),
            return_exceptions=True,
        )

        won = [n for n, answer in enumerate(answers) if not isinstance(answer, Exception)]
        assert len(won) == 1
        assert {type(a) for a in answers if isinstance(a, Exception)} == {ExpectationFailed}
        for store in (one, two):
            assert await content(store, store.entry(bucket, b"k")) == bodies[won[0]]
    audit(directory)


async def test_staged_bytes_are_named_once(store, bucket, directory):
    staged = await store.stage(Bytes(noise(1, LARGE)), profile=PROFILE)
    await store.put(bucket, b"k", staged, owner="", attributes=PLAIN)

    with pytest.raises(ValueError, match="once"):
        await store.put(bucket, b"other", staged, owner="", attributes=PLAIN)
    store.discard(staged)

    audit(directory)


async def test_an_inline_body_that_rotted_is_never_served(store, bucket, directory):
    entry = await put(store, bucket, b"k", b"good bytes")
    store._engine._ledger.db.execute("UPDATE body SET bytes = ?", (b"bad bytes!",))

    with pytest.raises(Damaged):
        store.open(entry, 0, 3)


# --- equal bytes -------------------------------------------------------------------------------


async def test_equal_bytes_are_stored_once(store, bucket):
    data = noise("same", LARGE)
    other = await make_bucket(store, "other", owner="B")

    entries = [
        await put(store, bucket, b"a", data),
        await put(store, bucket, b"b", data),
        await put(store, other, b"c", data),
    ]

    assert len({entry.content for entry in entries}) == 1
    stats = store.stats()
    assert (stats.logical_bytes, stats.segment_bytes) == (3 * LARGE, LARGE)


async def test_putting_the_same_bytes_again_keeps_them(store, bucket, directory):
    """The second PUT's reference is taken before the first one's is dropped."""
    data = noise("same", LARGE)
    for _ in range(3):
        entry = await put(store, bucket, b"k", data)

    await store.collect(now=1 << 60)

    assert await content(store, entry) == data
    audit(directory)


async def test_the_last_name_takes_the_bytes_with_it(store, bucket, directory):
    data = noise("same", LARGE)
    await put(store, bucket, b"a", data)
    await put(store, bucket, b"b", data)

    await store.delete(bucket, [b"a"])
    assert await content(store, store.entry(bucket, b"b")) == data
    assert store.stats().segment_bytes == LARGE
    await store.delete(bucket, [b"b"])

    assert store.stats().segment_bytes == 0
    await store.collect(now=1 << 60)
    assert store.stats().trash_bytes == 0
    audit(directory)


# --- copies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 100, LARGE])
async def test_a_copy_has_the_same_bytes_and_says_what_it_is_told(store, bucket, directory, size):
    source = await put(store, bucket, b"from", noise("copied", size))
    other = await make_bucket(store, "other")
    said = Attributes(metadata={"new": "yes"})

    copy = await store.copy(source, other, b"to", owner="B", attributes=said)

    assert (copy.etag, copy.cid, copy.size) == (source.etag, source.cid, source.size)
    assert (copy.attributes, copy.owner) == (said, "B")
    await store.delete(bucket, [b"from"])
    await store.collect(now=1 << 60)
    assert await content(store, store.entry(other, b"to")) == noise("copied", size)
    audit(directory)


@pytest.mark.parametrize("size", [100, LARGE])
async def test_an_object_copied_onto_itself_keeps_its_bytes(store, bucket, directory, size):
    source = await put(store, bucket, b"k", noise("self", size))

    copy = await store.copy(source, bucket, b"k", owner="B", attributes=PLAIN)
    await store.collect(now=1 << 60)

    assert copy.seq > source.seq
    assert await content(store, copy) == noise("self", size)
    audit(directory)


async def test_a_source_that_changed_is_not_copied(store, bucket):
    source = await put(store, bucket, b"k", b"old")
    await put(store, bucket, b"k", b"new")

    with pytest.raises(NoSuchEntry):
        await store.copy(source, bucket, b"copy", owner="", attributes=PLAIN)
    assert store.entry(bucket, b"copy") is None


@pytest.mark.parametrize(("size", "table"), [(5, "body"), (LARGE, "content")])
async def test_an_entry_without_its_bytes_is_damage(store, bucket, directory, size, table):
    """Not asked for for ever, and not taken for one that was deleted meanwhile."""
    entry = await put(store, bucket, b"k", noise(1, size))
    with closing(open_writer(directory / FILE, "none")) as db:
        db.execute(f"DELETE FROM {table}")

    with pytest.raises(Damaged):
        store.open(store.entry(bucket, b"k"), 0, size)
    with pytest.raises(Damaged):
        store.open(store.version(bucket, b"k", entry.version), 0, size)


async def test_a_copy_obeys_conditions_on_its_target(store, bucket):
    source = await put(store, bucket, b"k", b"data")

    with pytest.raises(ExpectationFailed):
        await store.copy(source, bucket, b"k", owner="", attributes=PLAIN, expect=ABSENT)


# --- the whole ---------------------------------------------------------------------------------


async def test_a_commit_of_one_worker_is_seen_by_the_other(directory):
    async with opened(directory) as one, serving(directory, worker=1) as two:
        bucket = await make_bucket(one)
        for n in range(20):
            writer, reader = (one, two) if n % 2 else (two, one)
            data = noise(n, LARGE if n % 3 else 10)
            entry = await put(writer, bucket, b"k", data)
            assert reader.entry(bucket, b"k") == entry
            assert await content(reader, entry) == data
    audit(directory)


async def test_everything_is_still_there_after_a_restart(directory, tmp_path):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for n in range(10):
            await put(store, bucket, b"%d" % n, noise(n, n * 10_000))

    async with opened(directory) as store:
        for n in range(10):
            entry = store.entry(store.bucket("bucket"), b"%d" % n)
            assert await content(store, entry) == noise(n, n * 10_000)
        more = await put(store, bucket, b"more", noise("more", LARGE))
        assert await content(store, more) == noise("more", LARGE)
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_a_store_that_can_write_is_ready(store):
    await store.ready()

"""Pages of a bucket's rows: what they show, and that they cost what they show."""

import hashlib
from contextlib import closing, contextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from storing import make_bucket, opened, put
from test_names import plain

from store import database, listing, migrations
from store.content_rows import encode
from store.records import Attributes, Traits, traits

BUCKET = 7
ATTRIBUTES = Attributes(checksums={"CRC32": "AAAAAA=="}, checksum_type="FULL_OBJECT")


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """A database with the store's schema and no rows."""
    path = tmp_path_factory.mktemp("listing") / database.FILE
    migrations.migrate(path)
    with closing(database.open_writer(path, "none")) as connection:
        yield connection


@contextmanager
def filled(db, keys):
    """Rows for ``keys``, gone afterwards; ``keys`` of the buckets beside it stay out of sight."""
    row = (1, b"", "0" * 32, 1_700_000_000_123, "KEY", encode(traits(ATTRIBUTES)))
    rows = [(bucket, key, n, *row) for bucket in (6, BUCKET, 8) for n, key in enumerate(keys)]
    with db:
        db.executemany(
            "INSERT INTO entry (bucket, key, seq, size, cid, etag, modified, owner, traits,"
            " attributes, parts_count, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, x'80', 0, 0)",
            rows,
        )
    try:
        yield
    finally:
        db.execute("DELETE FROM entry")


def page(db, *, prefix=b"", delimiter=b"", after=b"", limit=1000, owners=False):
    return listing.list_page(
        db,
        BUCKET,
        prefix=prefix,
        delimiter=delimiter,
        after=after,
        limit=limit,
        owners=owners,
    )


def steps(db, **asked) -> tuple[int, int]:
    """What a page costs: instructions of SQLite's machine. And how many items it has."""
    count = 0

    def tick() -> bool:
        nonlocal count
        count += 1
        return False

    db.set_progress_handler(tick, 1)
    try:
        found = page(db, **asked)
    finally:
        db.set_progress_handler(None, 1)
    return count, len(found.keys) + len(found.prefixes)


# --- what they show ------------------------------------------------------------------------------

TEXTS = st.text("ab/\x00\xff", max_size=4).map(lambda text: text.encode("latin-1"))
DIRECTORIES = st.lists(st.tuples(TEXTS, st.integers(0, 30)), max_size=8)
"""Names, and how many keys begin with each."""


@given(
    directories=DIRECTORIES,
    prefix=st.one_of(st.just(b""), TEXTS),
    delimiter=st.sampled_from([b"", b"/", b"a", b"/b", b"\x00", b"\xff", b"\xff\xff", b"a\xff"]),
    after=st.one_of(st.just(b""), TEXTS),
    limit=st.sampled_from([1, 2, 3, 7, 1000]),
)
def test_pages_show_what_the_definition_says(db, directories, prefix, delimiter, after, limit):
    names = {b"%b%d" % (name, n) for name, count in directories for n in range(count)}
    names |= {name for name, _ in directories}
    shown = plain(names, prefix, delimiter, after)

    with filled(db, names):
        while True:
            found = page(db, prefix=prefix, delimiter=delimiter, after=after, limit=limit)
            here, shown = shown[:limit], shown[limit:]
            assert found.keys == [key for key, common in here if not common]
            assert found.prefixes == [key for key, common in here if common]
            assert found.more == bool(shown)
            assert found.last == (here[-1][0] if here else None)
            if not found.more:
                break
            after = found.last


def test_a_skip_goes_on_with_rows_and_rows_with_a_skip(db):
    deep = [b"%d%c/%03d" % (n, c, m) for n in range(5) for c in b"ab" for m in range(200)]
    flat = [b"%d.%03d" % (n, m) for n in range(5) for m in range(100)]
    shown = plain(deep + flat, b"", b"/", b"")

    with filled(db, deep + flat):
        found = page(db, delimiter=b"/")

    assert sorted(found.keys + found.prefixes) == [key for key, _ in shown]
    assert (len(found.keys), len(found.prefixes)) == (500, 10)


async def test_a_page_says_of_a_row_what_its_entry_says(tmp_path):
    said = Attributes(
        headers={"x-amz-storage-class": "GLACIER", "content-type": "text/plain"},
        metadata={"long": "x" * 1500},
        checksums={"SHA256": "AAAA", "CRC32": "BBBB"},
        checksum_type="COMPOSITE",
    )
    async with opened(tmp_path / "data") as store:
        bucket = await make_bucket(store)
        await put(store, bucket, b"key", b"data", attributes=said)
        await put(store, bucket, b"less", b"", attributes=Attributes())

        found = store.list_page(bucket, owners=True)
        entries = [store.entry(bucket, key) for key in (b"key", b"less")]

        assert found.keys == [b"key", b"less"]
        times = zip(found.seconds, found.milliseconds, strict=True)
        assert [1000 * s + ms for s, ms in times] == [entry.modified for entry in entries]
        assert found.etags == [entry.etag.encode() for entry in entries]
        assert found.etags[0] == hashlib.md5(b"data").hexdigest().encode()
        assert found.sizes == [4, 0]
        assert found.owners == ["OWNER", "OWNER"]
        assert [listing.decode_traits(packed) for packed in found.traits] == [
            Traits(("SHA256", "CRC32"), "COMPOSITE", "GLACIER"),
            Traits((), None, None),
        ]
        assert store.list_page(bucket).owners == []
        assert store.list_page(bucket, limit=0) == store.list_page(bucket, prefix=b"no")


def test_equal_traits_are_equal_bytes():
    other = msgspec.structs.replace(
        ATTRIBUTES, checksums={"CRC32": "BBBBBB=="}, metadata={"a": "b"}
    )

    assert encode(traits(ATTRIBUTES)) == encode(traits(other))


# --- what they cost ------------------------------------------------------------------------------


def test_a_common_prefix_costs_the_same_whatever_is_below_it(db):
    with filled(db, [b"%03d/%d" % (n, m) for n in range(100) for m in range(10)]):
        few, items = steps(db, delimiter=b"/")
    with filled(db, [b"%03d/%03d" % (n, m) for n in range(100) for m in range(300)]):
        many, as_many = steps(db, delimiter=b"/")

    assert items == as_many == 100
    assert many < 1.5 * few


@pytest.mark.parametrize("delimiter", [b"", b"/"])
def test_a_deep_page_costs_what_the_first_one_costs(db, delimiter):
    with filled(db, [b"%05d" % n for n in range(20_000)]):
        first = steps(db, delimiter=delimiter)
        deep = steps(db, delimiter=delimiter, after=b"18000")

    assert first[1] == deep[1] == 1000
    assert deep[0] < 1.1 * first[0]


def test_a_flat_directory_costs_as_much_with_a_delimiter(db):
    with filled(db, [b"dir/%05d" % n for n in range(3000)]):
        flat, _ = steps(db, prefix=b"dir/")
        rolled, _ = steps(db, prefix=b"dir/", delimiter=b"/")

    assert rolled < 1.2 * flat


def test_deleted_keys_cost_a_page_nothing(db):
    with filled(db, [b"%05d" % n for n in range(20_000)]):
        before = steps(db, delimiter=b"/", after=b"17999")
        db.execute("DELETE FROM entry WHERE bucket = ? AND key < ?", (BUCKET, b"18000"))
        after = steps(db, delimiter=b"/")

    assert after[1] == before[1] == 1000
    assert after[0] < 1.1 * before[0]

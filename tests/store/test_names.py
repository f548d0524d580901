"""Listings: a page is what the plain definition says, and costs what is on it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from storing import make_bucket, opened, put

from store.listing import above, rolled, walk

keys = st.binary(max_size=6).map(
    lambda key: key.translate(bytes(b"ab/\xff"[n % 4] for n in range(256)))
)
texts = st.sampled_from([b"", b"a", b"a/", b"/", b"b", b"a/b", b"\xff", b"\xff\xff", b"ab/a"])
delimiters = st.sampled_from([b"", b"/", b"a", b"/b", b"\xff"])


def plain(names, prefix: bytes, delimiter: bytes, after: bytes) -> list[tuple[bytes, bool]]:
    """The definition: sorted, each common prefix once; True where it is one."""
    shown = []
    for key in sorted(names):
        common = rolled(key, prefix, delimiter)
        skipped = common is not None and common == after
        if key > after and key.startswith(prefix) and not skipped:
            item = (key, False) if common is None else (common, True)
            if item not in shown:
                shown.append(item)
    return shown


class Table:
    """Sorted keys, and how many rows were read and sought."""

    def __init__(self, names) -> None:
        self.names = sorted(names)
        self.steps = self.seeks = 0

    def rows(self, start: bytes, exclusive: bool):
        self.seeks += 1
        for name in self.names:
            if name > start or (name == start and not exclusive):
                self.steps += 1
                yield None, name


def walked(table: Table, prefix: bytes, delimiter: bytes, after: bytes):
    for found in walk(table.rows, prefix, delimiter, after):
        yield (found, True) if isinstance(found, bytes) else (found[1], False)


@given(st.sets(keys, max_size=40), texts, delimiters, st.one_of(texts, keys))
def test_a_walk_shows_what_the_definition_says(names, prefix, delimiter, after):
    shown = list(walked(Table(names), prefix, delimiter, after))

    assert shown == plain(names, prefix, delimiter, after)


@given(st.sets(keys, max_size=40), texts, delimiters, st.integers(1, 5))
def test_pages_that_go_on_after_the_last_show_everything_once(names, prefix, delimiter, size):
    pages, after = [], b""
    while page := list(walked(Table(names), prefix, delimiter, after))[:size]:
        pages += page
        after = page[-1][0]

    assert pages == plain(names, prefix, delimiter, b"")


@given(st.binary(max_size=4), st.binary(max_size=4))
def test_above_is_the_end_of_a_prefix(prefix, suffix):
    end = above(prefix)

    assert (end is None) == (prefix.strip(b"\xff") == b"")
    if end is not None:
        assert prefix + suffix < end
        assert not end.startswith(prefix)


def test_the_keys_under_a_common_prefix_are_not_read():
    table = Table(b"%s/%05d" % (d, n) for d in (b"a", b"b", b"c") for n in range(5000))

    assert list(walked(table, b"", b"/", b"")) == [(b"a/", True), (b"b/", True), (b"c/", True)]
    assert table.steps < 50
    assert table.seeks <= 4


def test_small_directories_are_stepped_over_without_a_seek():
    table = Table(b"%05d/x" % n for n in range(1000))

    assert len(list(walked(table, b"", b"/", b""))) == 1000
    assert table.seeks == 1


async def test_a_page_of_a_bucket(tmp_path):
    async with opened(tmp_path / "data") as store:
        bucket = await make_bucket(store)
        await put(store, await make_bucket(store, "other"), b"a/elsewhere", b"")
        for key in (b"a", b"a/1", b"a/2", b"a0", b"b/1", b"b/2", b"\xff"):
            await put(store, bucket, key, b"data")

        def page(**asked):
            page = store.list_entries(bucket, **asked)
            return [e.key for e in page.entries], page.prefixes, page.last, page.more

        slash = {"delimiter": b"/"}
        assert page(limit=3) == ([b"a", b"a/1", b"a/2"], [], b"a/2", True)
        assert page(limit=7)[3] is False
        assert page(limit=0) == ([], [], None, False)
        assert page(**slash) == ([b"a", b"a0", b"\xff"], [b"a/", b"b/"], b"\xff", False)
        assert page(**slash, limit=2) == ([b"a"], [b"a/"], b"a/", True)
        assert page(**slash, after=b"a/", limit=2) == ([b"a0"], [b"b/"], b"b/", True)
        assert page(**slash, after=b"b/") == ([b"\xff"], [], b"\xff", False)
        assert page(**slash, prefix=b"a/") == ([b"a/1", b"a/2"], [], b"a/2", False)
        assert page(after=b"a/1", prefix=b"a") == ([b"a/2", b"a0"], [], b"a0", False)
        assert page(prefix=b"nothing") == ([], [], None, False)


async def test_a_page_left_half_read_holds_no_old_state(tmp_path):
    async with opened(tmp_path / "data") as store:
        bucket = await make_bucket(store)
        for n in range(5):
            await put(store, bucket, b"%d" % n, b"data")
        assert store.list_entries(bucket, limit=2).more

        await put(store, bucket, b"later", b"data")

        assert not store._db.in_transaction
        assert store.entry(bucket, b"later") is not None


async def test_pages_of_a_bucket_are_what_the_definition_says(tmp_path):
    names = [b"", b"a", b"a/", b"a/1", b"a/b/c", b"a0", b"b", b"b/\xff", b"\xff", b"\xff\xff/a"]
    async with opened(tmp_path / "data") as store:
        bucket = await make_bucket(store)
        for key in names:
            await put(store, bucket, key, b"data")

        for prefix, delimiter, after, limit in itertools.product(
            [b"", b"a", b"a/", b"\xff", b"no"],
            [b"", b"/", b"a", b"\xff"],
            [b"", b"a", b"a/", b"a/1", b"b", b"\xff"],
            [1, 2, 100],
        ):
            page = store.list_entries(
                bucket, prefix=prefix, delimiter=delimiter, after=after, limit=limit
            )
            shown = plain(names, prefix, delimiter, after)
            assert page.more == (len(shown) > limit)
            assert [e.key for e in page.entries] == [k for k, common in shown[:limit] if not common]
            assert page.prefixes == [k for k, common in shown[:limit] if common]
            assert page.last == (shown[:limit][-1][0] if shown else None)

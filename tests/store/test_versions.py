"""Versions and delete markers: what becomes of each, beside a plain model of them."""

import asyncio
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import apsw
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from storing import (
    LARGE,
    PLAIN,
    PROFILE,
    QUICK,
    Clock,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    replayed,
)

from store import fsck, fsck_rows, migrations, version_id
from store.apply import apply
from store.changes import PutMarker, SetBucketVersioning
from store.database import FILE, open_reader, open_writer, row_crc
from store.errors import BucketNotEmpty, ExpectationFailed, NoSuchEntry
from store.names import entry
from store.prepare import prepare
from store.records import (
    ENABLED,
    SUSPENDED,
    Attributes,
    Deleted,
    DeleteMarker,
    Deletion,
    Expect,
)
from store.store import Store
from store.unixfs import PROFILES, leaf_digest, root
from store.versions import version

TAGGED = Attributes(tags={"a": "b"})


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


# --- ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 255, 1 << 40, (1 << 63) - 1])
def test_an_id_leads_back_to_its_number(number):
    id = version_id.encode(number)

    assert len(id) == 32
    assert id.isalnum()
    assert version_id.decode(id) == number


@pytest.mark.parametrize("id", ["", "nul", "NULL", "0" * 32, "ab", "zz" * 16, "é" * 32])
def test_what_is_no_id_is_told_apart(id):
    assert version_id.decode(id) is None
    assert version_id.decode(version_id.encode(7).upper()) is None
    assert version_id.decode(version_id.encode(1 << 63)) is None


def test_null_is_the_version_of_buckets_without():
    assert version_id.encode(0) == "null"
    assert version_id.decode("null") == 0


# --- examples ----------------------------------------------------------------------------------


async def versioned(store, status=ENABLED):
    bucket = await make_bucket(store)
    await store.set_bucket_versioning(bucket, status)
    return store.bucket("bucket")


async def test_the_versioning_of_a_bucket_is_what_was_set(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        assert bucket.versioning == ""
        for status in (ENABLED, SUSPENDED, ENABLED):
            await store.set_bucket_versioning(bucket, status)
            assert store.bucket("bucket").versioning == status


async def test_a_stale_bucket_does_not_lose_a_version(directory):
    async with opened(directory) as store:
        stale = await make_bucket(store)
        await put(store, stale, b"k", b"one")
        await store.set_bucket_versioning(stale, ENABLED)
        await put(store, stale, b"k", b"two")

        first = store.version(stale, b"k", "null")

        assert await content(store, first) == b"one"


@pytest.mark.parametrize("size", [10, LARGE])
async def test_an_old_version_is_read_tagged_and_copied(directory, size):
    async with opened(directory) as store:
        bucket = await versioned(store)
        old = await put(store, bucket, b"k", noise("old", size))
        await put(store, bucket, b"k", noise("new", size))

        tagged = await store.set_attributes(old, TAGGED)

        assert tagged.version == old.version
        assert tagged == store.version(bucket, b"k", old.version)
        assert store.entry(bucket, b"k").attributes == PLAIN
        copy = await store.copy(tagged, bucket, b"k", owner="C", attributes=PLAIN)
        assert await content(store, copy) == noise("old", size)
        assert await content(store, tagged) == noise("old", size)
        with pytest.raises(NoSuchEntry):
            await store.set_attributes(old, PLAIN)
        listed = [each.version for each in store.list_versions(bucket).versions]
        assert listed[0] == copy.version
        assert listed[-1] == old.version
    audit(directory)


async def test_parts_of_an_old_version_are_those_it_had(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        upload = await store.create_upload(bucket, b"k", owner="", attributes=PLAIN)
        parts = [await put_part(store, bucket, upload, n, noise(n, LARGE)) for n in (1, 2)]
        made = await store.complete_upload(upload, parts, etag="e-2", attributes=PLAIN)
        assert made.version != "null"
        await put(store, bucket, b"k", b"newer")

        old = store.version(bucket, b"k", made.version)

        assert [part.size for part in store.parts(old)] == [LARGE, LARGE]
        assert await content(store, old) == noise(1, LARGE) + noise(2, LARGE)


async def test_conditions_judge_the_current_version(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        absent, present = Expect(not_etags=("*",)), Expect(etags=("*",))
        old = await put(store, bucket, b"k", b"data")
        with pytest.raises(ExpectationFailed):
            await put(store, bucket, b"k", b"more", expect=absent)
        (marker,) = await store.delete(bucket, [Deletion(b"k", expect=present)])
        (refused,) = await store.delete(bucket, [Deletion(b"k", expect=present)])
        assert isinstance(refused, NoSuchEntry)

        new = await put(store, bucket, b"k", b"more", expect=absent)

        wrong = Deletion(b"k", old.version, Expect(etags=(new.etag,)))
        (refused,) = await store.delete(bucket, [wrong])
        assert isinstance(refused, ExpectationFailed)
        found = [each.version for each in store.list_versions(bucket).versions]
        assert found == [new.version, marker.version, old.version]


async def test_a_delete_marker_is_not_what_a_deletion_expects(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        old = await put(store, bucket, b"k", b"data")
        for wrong in (Expect(size=5), Expect(modified=1)):
            (refused,) = await store.delete(bucket, [Deletion(b"k", expect=wrong)])
            assert isinstance(refused, ExpectationFailed)
        right = Expect(size=4, modified=old.modified // 1000)
        (marker,) = await store.delete(bucket, [Deletion(b"k", expect=right)])
        for version in (None, marker.version):
            named = Deletion(b"k", version, Expect(etags=(old.etag,)))
            (refused,) = await store.delete(bucket, [named])
            assert isinstance(refused, ExpectationFailed)
        found = [each.version for each in store.list_versions(bucket).versions]
        assert found == [marker.version, old.version]


async def test_a_delete_marker_says_who_and_when(directory):
    clock = Clock()
    async with opened(directory, clock=clock) as store:
        bucket = await versioned(store)

        (deleted,) = await store.delete(bucket, [b"k"], owner="SOMEBODY")

        marker = store.marker(bucket, b"k")
        assert marker == DeleteMarker(bucket.id, b"k", deleted.version, clock.now, "SOMEBODY")
        assert store.version(bucket, b"k", deleted.version) == marker
        assert store.entry(bucket, b"k") is None
        assert store.marker(bucket, b"other") is None
        stats = store.stats()
        assert (stats.objects, stats.versions) == (0, 1)


async def test_a_bucket_with_a_delete_marker_is_not_empty(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        (deleted,) = await store.delete(bucket, [b"k"])
        with pytest.raises(BucketNotEmpty):
            await store.delete_bucket(bucket)

        assert await store.delete(bucket, [Deletion(b"k", deleted.version)]) == [deleted]

        await store.delete_bucket(bucket)


async def test_null_is_deleted_for_good_where_no_versions_are_kept(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for key in (b"k", b"absent"):
            await put(store, bucket, b"k", b"data")
            answer = await store.delete(bucket, [Deletion(key, "null"), Deletion(key, "wrong")])
            assert answer == [Deleted("null"), Deleted("wrong")]
        assert store.entry(bucket, b"k") is not None


async def test_versions_below_a_common_prefix_are_skipped(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        for key in (b"a/1", b"a/2", b"b", b"c/1"):
            for data in (b"one", b"two", b"three"):
                await put(store, bucket, key, data)
            await store.delete(bucket, [key])

        page = store.list_versions(bucket, delimiter=b"/", limit=3)

        assert (page.prefixes, page.last_key, page.more) == ([b"a/"], b"b", True)
        assert page.latest == [True, False]
        rest = store.list_versions(
            bucket, delimiter=b"/", after_key=b"b", after_version=page.last_version, limit=3
        )
        assert [each.key for each in rest.versions] == [b"b", b"b"]
        assert (rest.latest, rest.prefixes, rest.more) == ([False, False], [b"c/"], False)
        assert (rest.last_key, rest.last_version) == (b"c/", None)


async def test_a_page_goes_on_where_the_last_one_was_deleted(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        for number in range(5):
            await put(store, bucket, b"k", b"%d" % number)
        seen = []
        after: tuple[bytes, str | None] = (b"", None)
        while True:
            page = store.list_versions(bucket, after_key=after[0], after_version=after[1], limit=2)
            seen += page.versions
            assert page.latest[0]
            await store.delete(bucket, [Deletion(e.key, e.version) for e in page.versions])
            after = (page.last_key, page.last_version)
            if not page.more:
                break

        assert len(seen) == 5
        await store.delete_bucket(bucket)


# --- rows ----------------------------------------------------------------------------------------


async def test_an_object_from_before_there_were_versions_becomes_one(directory, monkeypatch):
    directory.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:4])
        migrations.migrate(directory / FILE)
    bucket = (1, "bucket", "OWNER", "/home/bucket", 0, "private", "r", PROFILE)
    data, said = b"old", msgspec.msgpack.encode
    profile = PROFILES[PROFILE]
    cid = root(profile, leaf_digest(profile, data), len(data))
    traits = said(((), None, None))
    row = (1, b"k", 2, 3, cid, "etag", 7, "O", traits, said({}), 0, 2, None, None)
    with closing(apsw.Connection(str(directory / FILE))) as db:
        db.execute("INSERT INTO bucket VALUES (?, ?, ?, ?, ?, ?, ?, ?, '{}')", bucket)
        db.execute("INSERT INTO body VALUES (2, ?)", (data,))
        marks = ", ".join("?" * 13)
        values = (*row[:-1], row_crc(row))
        db.execute(f"INSERT INTO entry VALUES ({marks}, ?, NULL)", values)
        db.execute("UPDATE state SET lsn = 2")
    migrations.migrate(directory / FILE)
    with closing(open_reader(directory / FILE)) as db:
        assert list(fsck_rows.check(db, fast=False)) == []
        assert entry(db, 1, b"k").version == "null"
    with closing(open_writer(directory / FILE, "none")) as db:
        apply(db, 3, SetBucketVersioning(1, ENABLED))
        apply(db, 4, PutMarker(1, b"k", 8, "", ENABLED))
        assert version(db, 1, b"k", "null").attributes == PLAIN
        assert list(fsck_rows.check(db, fast=False)) == []


DAMAGE = {
    "UPDATE version SET owner = 'thief' WHERE key = X'61' AND body IS NOT NULL": ["entry-checksum"],
    "UPDATE version SET owner = 'thief' WHERE body IS NULL": ["entry-checksum"],
    "DELETE FROM entry WHERE key = X'61'": ["version-order", "body-orphan"],
    "DELETE FROM version WHERE body IS NULL AND key = X'62'": ["version-order"],
    "UPDATE entry SET made = 1 WHERE key = X'61'": ["entry-checksum", "version-order"],
    "DELETE FROM body WHERE id = (SELECT min(body) FROM version)": ["entry-body"],
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damaged_versions_are_found(directory, damage):
    async with opened(directory) as store:
        bucket = await versioned(store)
        for key in (b"a", b"b"):
            await put(store, bucket, key, b"one")
            await put(store, bucket, key, b"two")
        await store.delete(bucket, [b"b"])
    assert list(fsck.check(directory)) == []
    with closing(apsw.Connection(str(directory / FILE))) as db:
        db.execute(damage)

    assert [found.kind for found in fsck.check(directory)] == DAMAGE[damage]


async def test_a_removed_version_gives_its_bytes_back(directory):
    async with opened(directory) as store:
        bucket = await versioned(store)
        first = await put(store, bucket, b"k", noise("x", LARGE))
        again = await put(store, bucket, b"k", noise("x", LARGE))
        assert first.content == again.content
        await store.delete(bucket, [Deletion(b"k", again.version)])
        assert store.stats().segment_bytes == LARGE
        assert await content(store, store.entry(bucket, b"k")) == noise("x", LARGE)

        await store.delete(bucket, [Deletion(b"k", first.version)])

        await store.collect(now=1 << 60)
        stats = store.stats()
        assert (stats.segment_bytes, stats.trash_bytes, stats.versions) == (0, 0, 0)


# --- beside a model ----------------------------------------------------------------------------


@dataclass
class Version:
    id: str
    data: bytes | None
    """``None``: a delete marker."""
    tags: str = ""


KEYS = [b"a", b"d/1", b"d/2"]
keys = st.sampled_from(KEYS)
bodies = st.sampled_from([b"", b"small", b"other", noise("x", LARGE), noise("y", LARGE)])


class VersionsBesideModel(RuleBasedStateMachine):
    """A list of versions for each key, the newest first, and the rules of AWS's user guide.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
    """

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.directory = self.home / "data"
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.model: dict[bytes, list[Version]] = {key: [] for key in KEYS}
        self.status = ""
        self.prepared = prepare(self.directory, QUICK)
        self.store = Store(self.directory, QUICK, clock=Clock())
        self.run(self.store.start())

    @initialize()
    def make(self) -> None:
        self.stale = self.run(make_bucket(self.store))

    def add(self, key: bytes, version: Version) -> None:
        there = self.model[key]
        if self.status != ENABLED:
            assert version.id == "null"
            there[:] = [each for each in there if each.id != "null"]
        else:
            assert version.id not in ("null", *(each.id for each in there))
        there.insert(0, version)

    @rule(status=st.sampled_from([ENABLED, SUSPENDED]))
    def set_versioning(self, status) -> None:
        self.run(self.store.set_bucket_versioning(self.stale, status))
        self.status = status

    @rule(key=keys, data=bodies)
    def put(self, key, data) -> None:
        made = self.run(put(self.store, self.stale, key, data))
        assert made == self.store.entry(self.stale, key)
        self.add(key, Version(made.version, data))

    @rule(key=keys, data=bodies)
    def complete(self, key, data) -> None:
        store = self.store
        upload = self.run(store.create_upload(self.stale, key, owner="", attributes=PLAIN))
        part = self.run(put_part(store, self.stale, upload, 1, data))
        made = self.run(store.complete_upload(upload, [part], etag="e-1", attributes=PLAIN))
        self.add(key, Version(made.version, data))

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data(), key=keys)
    def copy_a_version(self, data, key) -> None:
        source_key, source = data.draw(st.sampled_from(self.all()))
        entry = self.store.version(self.stale, source_key, source.id)
        if source.data is not None:
            made = self.run(self.store.copy(entry, self.stale, key, owner="C", attributes=PLAIN))
            self.add(key, Version(made.version, source.data))

    @rule(key=keys)
    def delete(self, key) -> None:
        (answer,) = self.run(self.store.delete(self.stale, [key]))
        if self.status:
            self.add(key, Version(answer.version, None))
            assert answer.marker
        else:
            assert answer == Deleted()
            self.model[key] = []

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def delete_a_version(self, data) -> None:
        key, version = data.draw(st.sampled_from(self.all()))
        (answer,) = self.run(self.store.delete(self.stale, [Deletion(key, version.id)]))
        assert answer == Deleted(version.id, marker=version.data is None)
        self.model[key].remove(version)

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data(), tag=st.sampled_from("xyz"))
    def tag_a_version(self, data, tag) -> None:
        key, version = data.draw(st.sampled_from(self.all()))
        if version.data is not None:
            entry = self.store.version(self.stale, key, version.id)
            self.run(self.store.set_attributes(entry, Attributes(tags={"t": tag})))
            version.tags = tag

    @rule(key=keys)
    def delete_what_is_not_there(self, key) -> None:
        for id in (version_id.encode(1 << 40), "null"):
            if id not in [each.id for each in self.model[key]]:
                (answer,) = self.run(self.store.delete(self.stale, [Deletion(key, id)]))
                assert answer == Deleted(id)

    def all(self) -> list[tuple[bytes, Version]]:
        return [(key, version) for key in KEYS for version in self.model[key]]

    @invariant()
    def both_say_the_same(self) -> None:
        current = [(k, v[0].id) for k, v in self.model.items() if v and v[0].data is not None]
        listed = self.store.list_entries(self.stale).entries
        assert [(each.key, each.version) for each in listed] == current
        for key in KEYS:
            newest = (self.model[key] or [None])[0]
            if newest is not None and newest.data is not None:
                assert self.store.entry(self.stale, key).version == newest.id
            else:
                assert self.store.entry(self.stale, key) is None
                marker = self.store.marker(self.stale, key)
                assert (marker.version if marker else None) == (newest.id if newest else None)

    @rule(limit=st.integers(1, 5))
    def pages_are_the_whole(self, limit) -> None:
        found: list[tuple[bytes, str, bool]] = []
        after: tuple[bytes, str | None] = (b"", None)
        more = True
        while more:
            page = self.store.list_versions(
                self.stale, after_key=after[0], after_version=after[1], limit=limit
            )
            assert page.more <= (len(page.versions) == limit)
            pairs = zip(page.versions, page.latest, strict=True)
            found += [(each.key, each.version, latest) for each, latest in pairs]
            after, more = (page.last_key or b"", page.last_version), page.more
        assert found == [(k, v.id, v is self.model[k][0]) for k, v in self.all()]

    def teardown(self) -> None:
        try:
            for key, version in self.all():
                entry = self.store.version(self.stale, key, version.id)
                if version.data is None:
                    assert isinstance(entry, DeleteMarker)
                else:
                    assert self.run(content(self.store, entry)) == version.data
                    assert entry.attributes.tags.get("t", "") == version.tags
            self.run(self.store.close())
            self.prepared.close()
            audit(self.directory)
            assert list(fsck.check(self.directory)) == []
            assert replayed(self.directory, self.home / "again") == dump(self.directory)
        finally:
            self.runner.close()
            shutil.rmtree(self.home)


VersionsBesideModel.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None
)
TestVersionsBesideModel = VersionsBesideModel.TestCase

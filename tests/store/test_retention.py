"""Object lock in the store: the rules, and that nothing the store can do gets around them."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
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

from store import fsck, retention
from store.database import FILE, open_writer
from store.errors import (
    BucketNotEmpty,
    KeepsVersions,
    Locked,
    LocksObjects,
    NoObjectLock,
    NotVersioned,
)
from store.history import Due
from store.prepare import prepare
from store.records import (
    ENABLED,
    SUSPENDED,
    Attributes,
    Deleted,
    Deletion,
    Encryption,
    Lock,
    ObjectLock,
)
from store.retention import DAY_MS, check_change, protects
from store.store import Store

GOVERNED = Lock(retain_until=100)
COMPLIANT = Lock(retain_until=100, compliance=True)
HELD = Lock(hold=True)
SEALED = Encryption("AES256", b"")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


async def locking(store, name="bucket", lock=ObjectLock()):  # noqa: B008
    return await store.create_bucket(
        name,
        owner="OWNER",
        path=f"/home/{name}",
        acl="private",
        region="us-east-1",
        profile=PROFILE,
        lock=lock,
    )


# --- rules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "now", "alone", "bypassed"),
    [
        (None, 0, False, False),
        (Lock(), 0, False, False),
        (Lock(hold=False), 0, False, False),
        (HELD, 1 << 60, True, True),
        (GOVERNED, 99, True, False),
        (GOVERNED, 100, False, False),
        (COMPLIANT, 99, True, True),
        (COMPLIANT, 100, False, False),
        (Lock(retain_until=100, hold=False), 99, True, False),
        (Lock(retain_until=100, hold=True), 99, True, True),
    ],
)
def test_what_protects(lock, now, alone, bypassed):
    assert protects(lock, now) is alone
    assert protects(lock, now, bypass=True) is bypassed


@pytest.mark.parametrize(
    ("old", "new", "alone", "bypassed"),
    [
        (None, GOVERNED, True, True),
        (HELD, COMPLIANT, True, True),
        (GOVERNED, Lock(retain_until=101), True, True),
        (GOVERNED, Lock(retain_until=100, hold=True), True, True),
        (GOVERNED, Lock(retain_until=99), False, True),
        (GOVERNED, Lock(), False, True),
        (GOVERNED, Lock(retain_until=101, compliance=True), False, True),
        (COMPLIANT, Lock(retain_until=101, compliance=True), True, True),
        (COMPLIANT, Lock(retain_until=99, compliance=True), False, False),
        (COMPLIANT, Lock(retain_until=101), False, False),
        (COMPLIANT, Lock(), False, False),
        (Lock(retain_until=50, compliance=True), Lock(), True, True),
    ],
)
def test_what_may_be_changed(old, new, alone, bypassed):
    for bypass, allowed in ((False, alone), (True, bypassed)):
        if allowed:
            check_change(old, new, 50, bypass=bypass)
        else:
            with pytest.raises(Locked):
                check_change(old, new, 50, bypass=bypass)


@pytest.mark.parametrize("lock", [None, ObjectLock(), ObjectLock(compliance=True, years=3)])
def test_a_rule_is_written_and_read(lock):
    assert retention.decode(retention.encode(lock)) == lock


def test_a_new_version_has_its_own_retention_or_the_default():
    def made(lock, rule):
        said = Attributes(lock=lock)
        return retention.of_new(said, retention.encode(rule), 1000).lock

    days, years = ObjectLock(days=2), ObjectLock(compliance=True, years=1)
    assert made(None, ObjectLock()) is None
    assert made(None, days) == Lock(retain_until=1000 + 2 * DAY_MS)
    assert made(HELD, years) == Lock(1000 + 365 * DAY_MS, compliance=True, hold=True)
    assert made(GOVERNED, years) == GOVERNED
    assert made(HELD, ObjectLock()) == HELD
    with pytest.raises(NoObjectLock):
        made(HELD, None)


# --- examples ----------------------------------------------------------------------------------


async def test_a_bucket_that_locks_keeps_versions_for_good(directory):
    async with opened(directory) as store:
        bucket = await locking(store)

        assert (bucket.versioning, bucket.lock) == (ENABLED, ObjectLock())
        assert store.bucket("bucket") == bucket
        with pytest.raises(LocksObjects):
            await store.set_bucket_versioning(bucket, SUSPENDED)
        await store.set_bucket_versioning(bucket, ENABLED)
        await store.set_bucket_lock(bucket, ObjectLock(days=1))
        assert store.bucket("bucket").lock == ObjectLock(days=1)


async def test_only_a_bucket_that_keeps_versions_can_lock(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for status in ("", SUSPENDED, ENABLED):
            if status:
                await store.set_bucket_versioning(bucket, status)
            if status != ENABLED:
                with pytest.raises(NotVersioned):
                    await store.set_bucket_lock(bucket, ObjectLock())
        await store.set_bucket_lock(bucket, ObjectLock())

        assert store.bucket("bucket").lock == ObjectLock()


async def test_a_bucket_without_object_lock_takes_no_lock(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        entry = await put(store, bucket, b"k", b"data")
        locked = Attributes(lock=HELD)
        with pytest.raises(NoObjectLock):
            await put(store, bucket, b"k", b"other", attributes=locked)
        with pytest.raises(NoObjectLock):
            await store.copy(entry, bucket, b"c", owner="C", attributes=locked)
        with pytest.raises(NoObjectLock):
            await store.set_lock(entry, HELD)
        upload = await store.create_upload(bucket, b"m", owner="", attributes=locked)
        part = await put_part(store, bucket, upload, 1, b"part")
        with pytest.raises(NoObjectLock):
            await store.complete_upload(upload, [part], etag="e-1", attributes=locked)

        assert [each.key for each in store.list_entries(bucket).entries] == [b"k"]
    audit(directory)


async def test_every_way_to_make_an_object_gets_the_default(directory):
    async with opened(directory) as store:
        bucket = await locking(store, lock=ObjectLock(compliance=True, days=1))
        one = await put(store, bucket, b"inline", b"data")
        made = [one, await put(store, bucket, b"placed", noise("x", LARGE))]
        made.append(await store.copy(one, bucket, b"copy", owner="C", attributes=PLAIN))
        upload = await store.create_upload(bucket, b"m", owner="", attributes=PLAIN)
        part = await put_part(store, bucket, upload, 1, noise("y", LARGE))
        made.append(await store.complete_upload(upload, [part], etag="e-1", attributes=PLAIN))

        for entry in made:
            lock = store.version(bucket, entry.key, entry.version).attributes.lock
            assert lock == entry.attributes.lock
            assert lock == Lock(entry.modified + DAY_MS, compliance=True)


async def test_a_null_version_can_be_locked_later(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        null = await put(store, bucket, b"k", b"data")
        await store.set_bucket_versioning(bucket, ENABLED)
        await store.set_bucket_lock(bucket, ObjectLock())
        held = await store.set_lock(null, HELD)
        await put(store, bucket, b"k", b"newer")

        assert isinstance((await store.delete(bucket, [Deletion(b"k", "null")]))[0], Locked)
        assert await content(store, store.version(bucket, b"k", "null")) == b"data"
        assert held.version == "null"


async def test_attributes_change_beside_a_lock_and_never_the_lock(directory):
    async with opened(directory) as store:
        bucket = await locking(store)
        entry = await put(store, bucket, b"k", b"data", attributes=Attributes(lock=HELD))
        with pytest.raises(Locked):
            await store.set_attributes(entry, PLAIN)

        with pytest.raises(Locked):
            await store.set_attributes(entry, Attributes(lock=HELD, encryption=SEALED))
        tagged = await store.set_attributes(entry, Attributes(tags={"a": "b"}, lock=HELD))

        assert tagged.attributes == Attributes(tags={"a": "b"}, lock=HELD)
        free = await store.set_lock(tagged, Lock(hold=False))
        await store.set_attributes(free, Attributes(lock=Lock(hold=False), encryption=SEALED))


async def test_a_delete_marker_hides_what_is_locked_and_can_go(directory):
    async with opened(directory) as store:
        bucket = await locking(store)
        entry = await put(store, bucket, b"k", b"data", attributes=Attributes(lock=HELD))
        (hidden,) = await store.delete(bucket, [b"k"])
        assert store.entry(bucket, b"k") is None

        answers = await store.delete(
            bucket,
            [
                Deletion(b"k", entry.version, bypass=True),
                Deletion(b"k", hidden.version),
                Deletion(b"other"),
            ],
        )

        assert isinstance(answers[0], Locked)
        assert answers[1] == Deleted(hidden.version, marker=True)
        assert answers[2].marker
        assert store.entry(bucket, b"k") == entry


async def test_fsck_tells_of_a_bucket_that_could_lose_what_it_locks(directory):
    async with opened(directory) as store:
        await locking(store)
    db = open_writer(directory / FILE, "none")
    db.execute("UPDATE bucket SET versioning = 'Suspended'")
    db.close()

    assert [found.kind for found in fsck.check(directory)] == ["bucket-lock"]


# --- nothing gets around it --------------------------------------------------------------------

KEYS = [b"a", b"b"]
keys = st.sampled_from(KEYS)
bodies = st.sampled_from([b"", b"small", noise("x", LARGE), noise("y", LARGE)])
periods = st.sampled_from([0, 1, DAY_MS, 3 * DAY_MS])
holds = st.sampled_from([None, None, False, True])
rules = st.builds(ObjectLock, compliance=st.booleans(), days=st.sampled_from([0, 0, 1, 2]))


class NothingGetsAround(RuleBasedStateMachine):
    """Whatever is done: what is locked is there, byte for byte, and no lock becomes weaker."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.directory = self.home / "data"
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.clock = Clock()
        self.there: dict[tuple[bytes, str], tuple[bytes, Lock]] = {}
        """Bytes and lock of each version that was never deleted."""
        self.prepared = prepare(self.directory, QUICK)
        self.store = Store(self.directory, QUICK, clock=self.clock)
        self.run(self.store.start())

    @initialize(lock=rules)
    def make(self, lock) -> None:
        self.bucket = self.run(locking(self.store, lock=lock))

    def lock(self, period, compliance, hold) -> Lock:
        until = self.clock.now + period if period else 0
        return Lock(until, compliance=bool(period and compliance), hold=hold)

    def made(self, entry, data) -> None:
        self.there[entry.key, entry.version] = (data, entry.attributes.lock or Lock())

    def draw(self, data):
        (key, version), (body, lock) = data.draw(st.sampled_from(sorted(self.there.items())))
        return self.store.version(self.bucket, key, version), body, lock

    @rule(key=keys, data=bodies, period=periods, compliance=st.booleans(), hold=holds)
    def put(self, key, data, period, compliance, hold) -> None:
        said = Attributes(lock=self.lock(period, compliance, hold))
        self.made(self.run(put(self.store, self.bucket, key, data, attributes=said)), data)

    @rule(key=keys, data=bodies)
    def complete(self, key, data) -> None:
        store = self.store
        upload = self.run(store.create_upload(self.bucket, key, owner="", attributes=PLAIN))
        part = self.run(put_part(store, self.bucket, upload, 1, data))
        entry = self.run(store.complete_upload(upload, [part], etag="e-1", attributes=PLAIN))
        self.made(entry, data)

    @rule(data=st.data(), key=keys)
    def copy(self, data, key) -> None:
        if self.there:
            source, body, _ = self.draw(data)
            copied = self.store.copy(source, self.bucket, key, owner="C", attributes=PLAIN)
            self.made(self.run(copied), body)

    @rule(key=keys)
    def delete(self, key) -> None:
        assert self.run(self.store.delete(self.bucket, [key]))[0].marker

    @rule(data=st.data(), bypass=st.booleans())
    def delete_a_version(self, data, bypass) -> None:
        if not self.there:
            return
        entry, _, lock = self.draw(data)
        wanted = Deletion(entry.key, entry.version, bypass=bypass)
        (answer,) = self.run(self.store.delete(self.bucket, [wanted]))
        binding = lock.retain_until > self.clock.now and (lock.compliance or not bypass)
        if lock.hold or binding:
            assert isinstance(answer, Locked)
        else:
            assert answer == Deleted(entry.version)
            del self.there[entry.key, entry.version]

    @rule(to=st.sampled_from([None, "GLACIER"]))
    def expire_or_move_everything(self, to) -> None:
        bucket = self.store.bucket("bucket")
        due, _ = self.run(
            self.store.due(bucket, lambda past: Due(past, to), prefix=b"", after=None, limit=1000)
        )
        self.run(self.store.expire(bucket, due))
        for (key, version), (_, lock) in list(self.there.items()):
            if self.store.version(bucket, key, version) is None:
                assert not lock.hold
                assert lock.retain_until <= self.clock.now
                del self.there[key, version]

    @rule(
        data=st.data(),
        period=periods,
        compliance=st.booleans(),
        hold=holds,
        bypass=st.booleans(),
    )
    def lock_again(self, data, period, compliance, hold, bypass) -> None:
        if not self.there:
            return
        entry, body, old = self.draw(data)
        new = self.lock(period, compliance, hold)
        try:
            self.run(self.store.set_lock(entry, new, bypass=bypass))
        except Locked:
            return
        if old.retain_until > self.clock.now and (old.compliance or not bypass):
            assert new.retain_until >= old.retain_until
            assert new.compliance == old.compliance
        self.there[entry.key, entry.version] = (body, new)

    @rule(data=st.data(), locked=st.booleans())
    def set_attributes(self, data, locked) -> None:
        if not self.there:
            return
        entry, _, _ = self.draw(data)
        said = Attributes(tags={"t": "x"}, lock=entry.attributes.lock if locked else None)
        try:
            self.run(self.store.set_attributes(entry, said))
        except Locked:
            assert not locked

    @rule(data=st.data(), key=keys)
    def what_is_always_refused(self, data, key) -> None:
        with pytest.raises(LocksObjects):
            self.run(self.store.set_bucket_versioning(self.bucket, SUSPENDED))
        if self.there:
            with pytest.raises(BucketNotEmpty):
                self.run(self.store.delete_bucket(self.bucket))
            entry, _, _ = self.draw(data)
            if entry.key != key:
                with pytest.raises(KeepsVersions):
                    self.run(self.store.rename(entry, key))

    @rule(lock=rules)
    def another_rule(self, lock) -> None:
        self.run(self.store.set_bucket_lock(self.bucket, lock))

    @rule(passed=st.sampled_from([1, DAY_MS // 2, DAY_MS, 4 * DAY_MS]))
    def time_goes_by(self, passed) -> None:
        self.clock.now += passed

    @rule()
    def collect(self) -> None:
        self.run(self.store.collect(now=1 << 60))

    @invariant()
    def everything_is_there(self) -> None:
        for (key, version), (data, lock) in self.there.items():
            entry = self.store.version(self.bucket, key, version)
            assert self.run(content(self.store, entry)) == data
            assert (entry.attributes.lock or Lock()) == lock

    def teardown(self) -> None:
        try:
            self.run(self.store.close())
            self.prepared.close()
            audit(self.directory)
            assert list(fsck.check(self.directory)) == []
            assert replayed(self.directory, self.home / "again") == dump(self.directory)
        finally:
            self.runner.close()
            shutil.rmtree(self.home)


NothingGetsAround.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None
)
TestNothingGetsAround = NothingGetsAround.TestCase

"""Store beside a plain model: whatever the order of verbs, both say the same, restarts included."""

import asyncio
import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from storing import (
    LARGE,
    PLAIN,
    QUICK,
    Clock,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    put,
    put_part,
    replayed,
)

from store.errors import BucketExists, BucketNotEmpty, ExpectationFailed, NoSuchEntry
from store.prepare import prepare
from store.records import Attributes, Deleted, Expect
from store.store import Store

names = st.sampled_from(["one", "two"])
keys = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"\xff", b"a\x00"])
bodies = st.builds(noise, st.integers(0, 3), st.sampled_from([0, 5, LARGE, LARGE + 1, 1_100_000]))
expects = st.sampled_from(
    [Expect(), Expect(), Expect(etags=("*",)), Expect(not_etags=("*",)), Expect(etags=("no",))]
)


class StoreBesideModel(RuleBasedStateMachine):
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="s3gw-test-"))
        self.directory = self.home / "data"
        self.clock = Clock()
        self.runner = asyncio.Runner()
        self.workers: list[Store] = []
        self.model: dict[str, dict[bytes, bytes]] = {}
        self.parts: dict[str, dict[int, tuple]] = {}
        self.turn = 0
        self.start()

    def start(self) -> None:
        self.prepared = prepare(self.directory, QUICK)
        self.workers = [Store(self.directory, QUICK, worker=n, clock=self.clock) for n in range(2)]
        for worker in self.workers:
            self.run(worker.start())

    def stop(self) -> None:
        for worker in self.workers:
            self.run(worker.close())
        self.prepared.close()

    def run(self, verb):
        return self.runner.run(verb)

    @property
    def store(self) -> Store:
        self.turn += 1
        return self.workers[self.turn % 2]

    # --- verbs ---------------------------------------------------------------------------------

    @initialize()
    def one_bucket(self) -> None:
        self.make("one")

    @rule(name=names)
    def create_bucket(self, name) -> None:
        self.make(name)

    def make(self, name: str) -> None:
        try:
            self.run(make_bucket(self.store, name))
        except BucketExists:
            assert name in self.model
        else:
            assert name not in self.model
            self.model[name] = {}

    @precondition(lambda self: self.model)
    @rule(name=names)
    def delete_bucket(self, name) -> None:
        if name not in self.model:
            assert self.store.bucket(name) is None
            return
        bucket = self.store.bucket(name)
        try:
            self.run(self.store.delete_bucket(bucket))
        except BucketNotEmpty:
            assert self.model[name]
        else:
            assert not self.model.pop(name)
            self.parts = {id: p for id, p in self.parts.items() if p[0][0] != name}

    @precondition(lambda self: self.model)
    @rule(data=st.data(), key=keys, body=bodies, expect=expects)
    def put(self, data, key, body, expect) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        store, objects = self.store, self.model[name]
        refused = refusal(objects.get(key), expect)
        writing = put(store, store.bucket(name), key, body, expect=expect)
        if refused is None:
            assert self.run(writing).etag == hashlib.md5(body).hexdigest()
            objects[key] = body
        else:
            with pytest.raises(refused):
                self.run(writing)

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data(), key=keys)
    def copy(self, data, key) -> None:
        source = data.draw(st.sampled_from(sorted(n for n, o in self.model.items() if o)))
        target = data.draw(st.sampled_from(sorted(self.model)))
        source_key = data.draw(st.sampled_from(sorted(self.model[source])))
        store = self.store
        entry = store.entry(store.bucket(source), source_key)
        said = Attributes(metadata={"copied": "yes"})
        copy = self.run(store.copy(entry, store.bucket(target), key, owner="C", attributes=said))
        assert (copy.cid, copy.attributes) == (entry.cid, said)
        self.model[target][key] = self.model[source][source_key]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), some=st.lists(keys, max_size=4))
    def delete(self, data, some) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        store = self.store
        assert self.run(store.delete(store.bucket(name), some)) == [Deleted()] * len(some)
        for key in some:
            self.model[name].pop(key, None)

    # --- uploads -------------------------------------------------------------------------------

    @precondition(lambda self: self.model)
    @rule(target=uploads, data=st.data(), key=keys)
    def create_upload(self, data, key):
        name = data.draw(st.sampled_from(sorted(self.model)))
        store = self.store
        upload = self.run(store.create_upload(store.bucket(name), key, owner="U", attributes=PLAIN))
        self.parts[upload.id] = {0: (name, upload)}
        return upload.id

    @rule(id=uploads, number=st.integers(1, 4), body=bodies)
    def put_part(self, id, number, body) -> None:
        if id in self.parts:
            name, upload = self.parts[id][0]
            store = self.store
            part = self.run(put_part(store, store.bucket(name), upload, number, body))
            self.parts[id][number] = (part, body)

    @rule(id=uploads, data=st.data())
    def complete_upload(self, id, data) -> None:
        known = self.parts.get(id, {})
        if len(known) < 2:
            return
        chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(set(known) - {0})), min_size=1)))
        name, upload = known[0]
        store = self.store
        named = [known[number][0] for number in chosen]
        whole = b"".join(known[number][1] for number in chosen)
        entry = self.run(store.complete_upload(upload, named, etag="e", attributes=PLAIN))
        assert [part.number for part in store.parts(entry)] == chosen
        self.model[name][upload.key] = whole
        del self.parts[id]

    @rule(id=uploads)
    def abort_upload(self, id) -> None:
        if id in self.parts:
            self.run(self.store.abort_upload(self.parts.pop(id)[0][1]))

    # --- time ----------------------------------------------------------------------------------

    @rule()
    def collect(self) -> None:
        self.run(self.store.collect(now=self.clock.now + 3_600_000))

    @rule()
    def restart(self) -> None:
        self.stop()
        self.start()

    # --- what must hold ------------------------------------------------------------------------

    @invariant()
    def both_say_the_same(self) -> None:
        for worker in self.workers:
            found = {bucket.name for bucket in worker.buckets("OWNER", limit=10)}
            assert found == set(self.model)
            for name, objects in self.model.items():
                page = worker.list_entries(worker.bucket(name))
                assert [(e.key, e.size) for e in page.entries] == sorted(
                    (key, len(body)) for key, body in objects.items()
                )

    def teardown(self) -> None:
        try:
            for name, objects in self.model.items():
                for key, body in objects.items():
                    entry = self.workers[0].entry(self.workers[0].bucket(name), key)
                    assert self.run(content(self.workers[0], entry)) == body
            in_progress = {
                upload.id
                for name in self.model
                for upload in self.workers[1].uploads(self.workers[1].bucket(name)).uploads
            }
            assert in_progress == set(self.parts)
            self.stop()
            audit(self.directory)
            assert replayed(self.directory, self.home / "again") == dump(self.directory)
        finally:
            self.runner.close()
            shutil.rmtree(self.home)


def refusal(current: bytes | None, expect: Expect) -> type[Exception] | None:
    """What must become of a write under ``expect``."""
    if current is None:
        return NoSuchEntry if expect.etags else None
    if expect.not_etags == ("*",) or expect.etags == ("no",):
        return ExpectationFailed
    return None


StoreBesideModel.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestStoreBesideModel = StoreBesideModel.TestCase

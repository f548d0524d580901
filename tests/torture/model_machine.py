"""What the rules of the machine share: asking, comparing, and choosing what to ask about."""

import hashlib
import random
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from tests.torture import model_keys
from tests.torture.model_bodies import BODIES, FEW_LARGE, Body
from tests.torture.model_door import Answer, Door, text
from tests.torture.model_objects import ALWAYS, If
from tests.torture.model_rights import holding
from tests.torture.model_world import DAY, NULL, Bucket, Refused, Version, World

Made = TypeVar("Made")

WHO = st.sampled_from([*"OOOOOOOOAABBB", ""])
"""See ``Machine.user``."""
BUCKET = st.sampled_from([0, 0, 0, 1])
KEY = st.integers(0, 15)
"""See ``Machine.key``."""
VERSION = st.integers(0, 7)
"""See ``Machine.version_id``."""
BODY = st.sampled_from([*BODIES, *BODIES, *BODIES, *FEW_LARGE])
STEP_MILLISECONDS = 1237


class Difference(AssertionError):
    """The product is not as the model is."""


class Machine(RuleBasedStateMachine):
    """One run: a few buckets that no other run touches."""

    door: ClassVar[Door]
    asked: ClassVar[int] = 0
    runs: ClassVar[int] = 0
    story: ClassVar[list[str]] = []
    """Of the last run: what was asked and what came back."""
    last: ClassVar[World] = World()
    """Of the last run."""
    listings: ClassVar[dict[str, bytes]] = {}
    """How each bucket was listed at the end of its run: a digest."""

    @initialize(
        seed=st.integers(0, 1 << 24),
        kind=st.sampled_from(["", "", "Enabled", "Enabled", "Enabled", "locks"]),
        other=st.sampled_from("AB"),
    )
    def begin(self, seed: int, kind: str, other: str) -> None:
        Machine.runs += 1
        Machine.story = []
        self.world = Machine.last = World()
        self.keys = model_keys.some(seed)
        self.names = [f"model-{Machine.runs}-{number}" for number in range(2)]
        self.ids: set[str] = set()
        self.new_bucket("A", self.names[0], locks=kind == "locks")
        self.new_bucket(other, self.names[1], locks=False)
        if kind == "Enabled":
            self.set_versioning(self.names[0], kind)
        self.begin_others(random.Random(seed))

    def begin_others(self, source: random.Random) -> None:
        """What else there is before the first step."""

    def teardown(self) -> None:
        """All is there, byte for byte, whoever wrote it."""
        if not hasattr(self, "world") or sys.exc_info()[0] is not None:
            return
        for name, bucket in self.world.buckets.items():
            self.ask(bucket.owner, "DELETE", f"/{name}", {"policy": ""})
            query = {"versions": "", "encoding-type": "url"}
            listed = self.ask(bucket.owner, "GET", f"/{name}", query)
            Machine.listings[name] = hashlib.sha256(listed.body).digest()
            rows = [
                (unquote(text(each, "Key")), text(each, "VersionId"), text(each, "ETag"))
                for each in [*listed.all("Version"), *listed.all("DeleteMarker")]
            ]
            there = [(key, each) for key, some in bucket.keys.items() for each in some]
            wanted = [(key, each.id, each.etag and f'"{each.etag}"') for key, each in there]
            self.same("all versions", sorted(rows), sorted(wanted))
            for key, version in there:
                if version.body is not None:
                    # Plainly, where it can be: an answer may be remembered.
                    query = {} if bucket.current(key) is version else {"versionId": version.id}
                    who, _ = holding(bucket, version)
                    answer = self.ask(who, "GET", f"/{name}/{key}", query)
                    self.same("bytes", answer.body, version.body.data)

    # --- asking ----------------------------------------------------------------------------------

    def ask(
        self,
        who: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
    ) -> Answer:
        """One request, a moment later than the last one."""
        Machine.asked += 1
        self.door.clock.now += STEP_MILLISECONDS
        data, known = (body.data, body.sha256) if isinstance(body, Body) else (body, "")
        answer = self.door.ask(who, method, path, query, headers, data, sha256=known)
        said = {name: value[:200] for name, value in (headers or {}).items()}
        shown = data if len(data) < 400 else body
        line = f"{who or '-'} {method} {path[:200]!r} {query or ''} {said or ''} {shown or ''!r}"
        Machine.story.append(f"{line} -> {answer.status}")
        told = method == "HEAD" or answer.status < 400 or answer.body
        if answer.status >= 500 or not told:
            raise Difference(f"status {answer.status}: {answer.body[:300]!r}")
        return answer

    @property
    def now(self) -> int:
        return self.door.clock.now

    def outcome(self, answer: Answer, wanted: Callable[[], Made], status: int = 200) -> Made | None:
        """What the model makes of it, if that is a success; then it was one."""
        try:
            made = wanted()
        except Refused as refusal:
            # Without a body there is no code: HEAD, and 304.
            code = refusal.code if answer.body else ""
            self.same("status", (answer.status, answer.code), (refusal.status, code))
            return None
        if answer.status != status:
            raise Difference(f"{answer.status} {answer.body[:400]!r}, not {status}")
        return made

    def same(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            raise Difference(f"{what}: {short(found)}, not {short(wanted)}")

    def same_headers(self, answer: Answer, wanted: Mapping[str, str | None]) -> None:
        """``None``: it must not be there."""
        found = {name: answer.headers.get(name) for name in wanted}
        self.same("headers", found, dict(wanted))

    # --- choosing --------------------------------------------------------------------------------

    def name(self, number: int) -> str:
        return self.names[number]

    def user(self, who: str, at: int) -> str:
        """O: whose the bucket is."""
        bucket = self.world.buckets.get(self.names[at])
        return who if who != "O" else bucket.owner if bucket else "A"

    def key(self, number: int, at: int | None = None) -> str:
        """In a bucket: mostly one that is there, or was deleted and left a version."""
        there = self.world.buckets.get(self.names[at]) if at is not None else None
        keys = there.sorted() if there and number < 12 else []
        keys = keys or self.keys
        return keys[number % len(keys)]

    def bucket(self, number: int) -> Bucket:
        """The model's, of a name; refuses when there is none."""
        return self.world.bucket(self.names[number])

    def versions(self, bucket: int, key: str) -> list[Version]:
        there = self.world.buckets.get(self.names[bucket])
        return there.keys.get(key, []) if there else []

    def version_id(self, bucket: int, key: str, choice: int) -> str | None:
        """0 to 2: none; 3: null; 4: one that was deleted; more: one that is there."""
        if choice < 3:
            return None
        there = self.world.buckets.get(self.names[bucket])
        if choice == 4 and there and there.gone:
            return there.gone[-1]
        versions = self.versions(bucket, key)
        return versions[choice % len(versions)].id if versions and choice > 3 else NULL

    def condition(self, bucket: int, key: str, choice: int) -> If:
        """0 to 4: none. From 10 on times, for reads."""
        versions = self.versions(bucket, key)
        etag = versions[0].etag if versions else ""
        etag = etag or BODIES[3].etag
        modified = versions[0].modified if versions else self.now
        conditions = {
            10: If(modified_since=modified),
            11: If(modified_since=modified - 1000),
            12: If(unmodified_since=modified),
            13: If(unmodified_since=modified - 1000),
            14: If(modified_since=self.now + DAY),
            5: If(none_match="*"),
            6: If(match=etag),
            7: If(match="*"),
            8: If(match=BODIES[2].etag),
            9: If(none_match=etag),
        }
        return conditions.get(choice, ALWAYS)

    def prefix(self, pick: int) -> str:
        """Less than 24: none."""
        return "" if pick < 24 else model_keys.prefix(self.key(pick), pick // 7)

    def named(self, version: Version, id: str | None) -> None:
        """Take the id that an answer gives a version which was just made."""
        if version.id == NULL and id in (None, NULL):
            return
        if version.id or not id or id in self.ids or id == NULL:
            raise Difference(f"version id {id!r} of what is called {version.id!r}")
        self.ids.add(id)
        version.id = id

    # --- what rules of several kinds do ----------------------------------------------------------

    def new_bucket(self, who: str, name: str, *, locks: bool) -> None:
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if locks else {}
        answer = self.ask(who, "PUT", f"/{name}", headers=headers)
        self.same("status", answer.status, 200)
        versioning = "Enabled" if locks else ""
        self.world.buckets[name] = Bucket(name, who, self.now, versioning=versioning, locks=locks)

    def set_versioning(self, name: str, status: str) -> None:
        document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
        bucket = self.world.buckets[name]
        answer = self.ask(
            bucket.owner, "PUT", f"/{name}", {"versioning": ""}, body=document.encode()
        )
        self.same("status", answer.status, 200)
        bucket.versioning = status


def short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 1500 else f"{shown[:1500]}... ({len(shown)})"


def http_date(milliseconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(milliseconds // 1000, UTC), usegmt=True)


def iso(milliseconds: int) -> str:
    """As documents show a time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def quoted(etag: str) -> str:
    return f'"{etag}"'


def if_headers(when: If, prefix: str = "") -> dict[str, str]:
    headers = {}
    if when.match is not None:
        headers[f"{prefix}if-match"] = when.match if when.match == "*" else quoted(when.match)
    if when.none_match is not None:
        value = when.none_match
        headers[f"{prefix}if-none-match"] = value if value == "*" else quoted(value)
    if when.modified_since is not None:
        headers[f"{prefix}if-modified-since"] = http_date(when.modified_since)
    if when.unmodified_since is not None:
        headers[f"{prefix}if-unmodified-since"] = http_date(when.unmodified_since)
    return headers

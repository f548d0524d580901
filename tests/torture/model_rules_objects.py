"""Rules: objects put, read, deleted, copied, described."""

import base64
import random
import re
from dataclasses import replace
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_objects as model
from tests.torture.model_bodies import BODIES, Body
from tests.torture.model_door import Answer
from tests.torture.model_machine import (
    BODY,
    BUCKET,
    KEY,
    VERSION,
    WHO,
    Machine,
    http_date,
    if_headers,
    iso,
    quoted,
)
from tests.torture.model_objects import ALWAYS, If, Said
from tests.torture.model_rights import OWN, may
from tests.torture.model_world import DAY, NULL, Acl, Bucket, Lock, Refused, Version, refuse

PLAIN = {"content-type": "binary/octet-stream"}
HEADERS = (
    PLAIN,
    {"content-type": "text/plain", "x-amz-meta-color": "blue"},
    {"content-type": "a/b", "cache-control": "no-cache", "x-amz-meta-a": "1, 2"},
)
TAGS = ({}, {"a": "1"}, {"a": "2", "b c": "x/y"})
GRANTS = ((("B", "READ"),), (("B", "READ_ACP"), ("B", "FULL_CONTROL")), (("A", "FULL_CONTROL"),))
ACLS = (
    *(Acl("public-read"), Acl("authenticated-read"), Acl("bucket-owner-full-control")),
    *(Acl("private"), *(Acl(grants=each) for each in GRANTS)),
)
EXTRA = st.sampled_from([*[""] * 7, *"ttaallh"])
"""What is said beside headers: tags, an ACL, a retention, a hold."""
RANGES = (
    *[None] * 8,
    *("bytes=0-0", "bytes=5-", "bytes=-3", "bytes=-0", "bytes=10-5", "bytes=0-99999999"),
    *("bytes=16384-16384", "bytes=1-2,4-5", "octets=1-2", "bytes=50-149", "bytes=-"),
)
CONDITION = st.sampled_from([0, 0, 0, 0, 0, 0, 5, 6, 7, 8, 9])
READ_CONDITION = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 0, *range(5, 15)])
ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""XML 1.0 cannot say it."""
LOCKED = ("x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date")
HOLD = "x-amz-object-lock-legal-hold"


def span(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length. https://www.rfc-editor.org/rfc/rfc9110#section-14.2"""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return None
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        refuse("InvalidRange")
    return start, end - start


class Objects(Machine):
    """PutObject, GetObject, HeadObject, GetObjectAttributes."""

    def said(self, headers: int, extra: str, pick: int) -> Said:
        said = Said(HEADERS[headers])
        match extra:
            case "t":
                return replace(said, tags=TAGS[pick % len(TAGS)])
            case "a":
                return replace(said, acl=ACLS[pick % len(ACLS)])
            case "l":
                mode = "COMPLIANCE" if pick % 3 == 0 else "GOVERNANCE"
                until = (self.now // 1000) * 1000 + (1 + pick % 3) * DAY
                return replace(said, lock=Lock(mode, until))
            case "h":
                return replace(said, lock=Lock(hold=pick % 4 != 0))
        return said

    def first_object(self, source: random.Random, at: int, key: str, who: str = "O") -> None:
        """Of what there is before the first step."""
        who = self.user(who, at)
        bucket, data = self.world.buckets[self.names[at]], source.choice(BODIES)
        kinds = "llh  " if bucket.locks else "ta   "
        extra = source.choice(kinds if who == bucket.owner else "a").strip()
        said = self.said(0, extra, source.randrange(12))
        headers = self.headers(said) | content_md5(data)
        answer = self.ask(who, "PUT", f"/{bucket.name}/{key}", headers=headers, body=data)
        self.same("status", answer.status, 200)
        made = model.put(bucket, who, key, data, said, ALWAYS, self.now)
        self.named(made, answer.headers.get("x-amz-version-id"))

    def headers(self, said: Said) -> dict[str, str]:
        """As they are sent. Bits of it come back under other names, which must not be kept."""
        headers = {**said.headers, "x-amz-meta-cid": "made-up"}
        if said.tags is not None:
            headers["x-amz-tagging"] = urlencode(said.tags)
        if said.acl is not None:
            headers |= self.acl_headers(said.acl)
        if said.lock.until:
            headers[LOCKED[0]] = said.lock.mode
            headers[LOCKED[1]] = iso(said.lock.until)
        if said.lock.hold is not None:
            headers[HOLD] = "ON" if said.lock.hold else "OFF"
        return headers

    def acl_headers(self, acl: Acl) -> dict[str, str]:
        if acl.grants is None:
            return {"x-amz-acl": acl.canned}
        headers: dict[str, str] = {}
        for who, permission in acl.grants:
            name = f"x-amz-grant-{permission.lower().replace('_', '-')}"
            one = f'uri="{who}"' if who.startswith("http") else f'id="{self.door.canonical(who)}"'
            headers[name] = f"{headers[name]}, {one}" if name in headers else one
        return headers

    @rule(
        who=WHO, at=BUCKET, key=KEY, body=BODY, kind=st.integers(0, 2), extra=EXTRA,
        pick=st.integers(0, 11), when=CONDITION,
    )  # fmt: skip
    def put(
        self, who: str, at: int, key: int, body: Body, kind: int, extra: str, pick: int, when: int
    ) -> None:
        who = self.user(who, at)
        name, key_ = self.name(at), self.key(key, at)
        said = self.said(kind, extra, pick)
        condition = self.condition(at, key_, when)
        headers = self.headers(said) | if_headers(condition) | content_md5(body)
        answer = self.ask(who, "PUT", f"/{name}/{key_}", headers=headers, body=body)
        made = self.outcome(
            answer,
            lambda: model.put(self.bucket(at), who, key_, body, said, condition, self.now),
        )
        if made is not None:
            self.named(made, answer.headers.get("x-amz-version-id"))
            wanted = {
                "etag": quoted(body.etag),
                "cid": body.cid,
                "x-amz-checksum-crc64nvme": body.crc64,
            }
            self.same_headers(answer, wanted)
            self.look(self.user("O", at), at, key_)

    @rule(
        who=WHO, at=BUCKET, key=KEY, version=VERSION,
        method=st.sampled_from(["GET", "GET", "HEAD"]),
        asked=st.sampled_from([*RANGES, 1, 2, 3]), when=READ_CONDITION,
    )  # fmt: skip
    def read(
        self,
        who: str,
        at: int,
        key: int,
        version: int,
        method: str,
        asked: str | int | None,
        when: int,
    ) -> None:
        """``asked``: a range, or a part."""
        who = self.user(who, at)
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        condition = ALWAYS if isinstance(asked, int) else self.condition(at, key_, when)
        self.look(who, at, key_, id, method=method, asked=asked, condition=condition)

    def look(
        self,
        who: str,
        at: int,
        key: str,
        id: str | None = None,
        *,
        method: str = "GET",
        asked: str | int | None = None,
        condition: If = ALWAYS,
    ) -> None:
        """Also done after each write, plainly: the answer before that may be remembered."""
        query = {} if id is None else {"versionId": id}
        headers = if_headers(condition)
        if isinstance(asked, int):
            query["partNumber"] = str(asked)
        elif asked is not None:
            headers["range"] = asked
        answer = self.ask(who, method, f"/{self.name(at)}/{key}", query, headers)
        self.outcome(
            answer,
            lambda: self._check_read(answer, who, at, key, id, condition, method, asked),
            answer.status if answer.status in (200, 206) else 200,
        )
        self._check_absence(answer, who, at, key, id)

    def _check_absence(self, answer: Answer, who: str, at: int, key: str, id: str | None) -> None:
        """Who may know is told that it is a delete marker which hides the object."""
        bucket = self.world.buckets.get(self.name(at))
        if bucket is None or who != bucket.owner or answer.status not in (404, 405):
            return
        marker = bucket.newest(key) if id is None else bucket.version(key, id)
        if marker is not None and marker.body is None:
            wanted = {"x-amz-delete-marker": "true", "x-amz-version-id": marker.id}
        else:
            wanted = {"x-amz-delete-marker": None}
        self.same_headers(answer, wanted)

    def _check_read(
        self, answer: Answer, who: str, at: int, key: str, id: str | None, when: If, method: str,
        asked: str | int | None,
    ) -> None:  # fmt: skip
        bucket = self.bucket(at)
        found = model.read(bucket, who, key, id, when=when, now=self.now)
        data, part = found.held.data, None
        if isinstance(asked, int):
            count = max(1, len(found.parts))
            if asked > count:
                raise Refused(416, "InvalidPartNumber")
            sizes = found.parts or (len(data),)
            part = (sum(sizes[: asked - 1]), sizes[asked - 1])
        else:
            part = span(asked, len(data))
        first, length = part or (0, len(data))
        wanted = self.described(bucket, who, key, found)
        wanted["content-length"] = str(length)
        partial = part is not None and length > 0
        wanted["content-range"] = (
            f"bytes {first}-{first + length - 1}/{len(data)}" if partial else None
        )
        counted = isinstance(asked, int) and len(found.parts) > 0
        wanted["x-amz-mp-parts-count"] = str(len(found.parts)) if counted else None
        self.same("status", answer.status, 206 if partial else 200)
        self.same_headers(answer, wanted)
        if method == "GET":
            self.same("bytes", answer.body, data[first : first + length])

    def described(
        self, bucket: Bucket, who: str, key: str, found: Version
    ) -> dict[str, str | None]:
        """Headers that say what an object is."""
        shown: dict[str, str | None] = dict.fromkeys(
            ["cache-control", "x-amz-meta-a", "x-amz-meta-color", *LOCKED, HOLD]
        )
        shown |= found.said
        shown |= {
            "etag": quoted(found.etag),
            "last-modified": http_date(found.modified),
            "cid": found.held.cid,
            "x-amz-meta-cid": found.held.cid,
            "x-amz-version-id": found.id if bucket.versioning or found.id != NULL else None,
            "x-amz-tagging-count": None,
        }
        if found.tags and who == bucket.owner:
            shown["x-amz-tagging-count"] = str(len(found.tags))
        if found.lock.until and may(bucket, who, OWN, "s3:GetObjectRetention", key=key):
            shown |= {LOCKED[0]: found.lock.mode, LOCKED[1]: iso(found.lock.until)}
        if found.lock.hold is not None and may(bucket, who, OWN, "s3:GetObjectLegalHold", key=key):
            shown[HOLD] = "ON" if found.lock.hold else "OFF"
        return shown

    @rule(who=WHO, at=BUCKET, key=KEY, version=VERSION)
    def attributes(self, who: str, at: int, key: int, version: int) -> None:
        who = self.user(who, at)
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        query = {"attributes": ""} | ({} if id is None else {"versionId": id})
        wanted = {"x-amz-object-attributes": "ETag,Checksum,ObjectParts,StorageClass,ObjectSize"}
        answer = self.ask(who, "GET", f"/{self.name(at)}/{key_}", query, wanted)
        more = "s3:GetObject" if id is None else "s3:GetObjectVersion"
        found = self.outcome(
            answer,
            lambda: model.read(
                self.bucket(at), who, key_, id, more, action="s3:GetObjectAttributes"
            ),
        )
        if found is not None:
            names = ("ETag", "ChecksumCRC64NVME", "PartsCount", "StorageClass", "ObjectSize")
            shown = [
                next((each.text or "" for each in answer.document.iter(f"{{*}}{name}")), "")
                for name in names
            ]
            parts = str(len(found.parts)) if found.parts else ""
            size = str(len(found.held.data))
            self.same("attributes", shown, [found.etag, found.held.crc64, parts, "STANDARD", size])

    @rule(who=WHO, at=BUCKET, method=st.sampled_from(["GET", "PUT"]), long=st.booleans())
    def impossible_key(self, who: str, at: int, method: str, long: bool) -> None:
        """Refused before anything else is looked at."""
        key = "\u00fc" * 512 + "a" if long else "a\x00"
        answer = self.ask(self.user(who, at), method, f"/{self.name(at)}/{key}")
        self.outcome(answer, lambda: refuse("KeyTooLongError" if long else "InvalidURI"))


def content_md5(body: Body) -> dict[str, str]:
    return {"content-md5": base64.b64encode(bytes.fromhex(body.etag)).decode()}


def xml(key: str) -> str:
    return escape(key, {"\r": "&#13;"})

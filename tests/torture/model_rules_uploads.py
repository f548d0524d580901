"""Rules: multipart uploads begun, filled, completed, dropped, listed."""

import random
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_uploads as model
from tests.torture.model_bodies import BODIES, FEW_LARGE, Body
from tests.torture.model_door import text
from tests.torture.model_lists import Page
from tests.torture.model_machine import BUCKET, KEY, VERSION, WHO, if_headers, iso, quoted
from tests.torture.model_objects import Said
from tests.torture.model_rights import WRITE, check
from tests.torture.model_rules_copies import Copies
from tests.torture.model_rules_lists import (
    DELIMITER,
    MARKER,
    MOST,
    PAGES,
    PREFIX,
    Lists,
    decoded,
    uploads_page,
)
from tests.torture.model_rules_objects import CONDITION, HEADERS
from tests.torture.model_world import Upload

UPLOAD = st.integers(0, 4)
"""Which of the last ones."""
NUMBER = st.sampled_from([1, 1, 2, 2, 3, 7, 10_000])
PARTS = [each for each in BODIES if 99 <= len(each.data) < 5000]
PART = st.sampled_from([*PARTS, *PARTS, *BODIES, FEW_LARGE[0]])
CHOSEN = st.sampled_from(["all", "all", "all", "some", "wrong", "back", "none"])
FIRST = 10
"""Objects that are put before the first step."""
UNKNOWN = "2mA2wTzRLqqfVFGqeGqqVUpYPVpvqVqr"


class Uploads(Lists, Copies):
    """All multipart requests. ``begun``: bucket, key and id of every upload, the last one first."""

    def begin_others(self, source: random.Random) -> None:
        self.begun: list[tuple[int, str, str]] = [(0, "a", UNKNOWN)]
        for number in range(FIRST):
            at, key = source.choice((0, 0, 1)), source.choice(self.keys[:6])
            self.first_object(source, at, key)
            if number % 4 == 3:
                self.first_upload(at, key, source.sample(PARTS, 2))

    def first_upload(self, at: int, key: str, parts: list[Body]) -> None:
        bucket = self.world.buckets[self.names[at]]
        who, path = bucket.owner, f"/{bucket.name}/{key}"
        id = self.ask(who, "POST", path, {"uploads": ""}).text("UploadId")
        model.create(bucket, who, key, Said(HEADERS[0]), id, self.now)
        for number, part in enumerate(parts, 1):
            self.ask(who, "PUT", path, {"partNumber": str(number), "uploadId": id}, body=part)
            model.put_part(bucket, who, key, id, number, part, self.now)
        self.begun.insert(0, (at, key, id))

    def upload(self, pick: int) -> tuple[int, str, str]:
        return self.begun[pick % len(self.begun)]

    @rule(who=WHO, at=BUCKET, key=KEY, kind=st.integers(0, 2))
    def begin_upload(self, who: str, at: int, key: int, kind: int) -> None:
        who = self.user(who, at)
        key_ = self.key(key, at)
        said = Said(HEADERS[kind])
        path = f"/{self.name(at)}/{key_}"
        answer = self.ask(who, "POST", path, {"uploads": ""}, said.headers)
        id = answer.text("UploadId") if answer.status == 200 else ""
        made = self.outcome(
            answer, lambda: model.create(self.bucket(at), who, key_, said, id, self.now)
        )
        if made is not None:
            self.begun.insert(0, (at, key_, id))

    @rule(who=WHO, pick=UPLOAD, number=NUMBER, body=PART)
    def put_part(self, who: str, pick: int, number: int, body: Body) -> None:
        at, key, id = self.upload(pick)
        who = self.user(who, at)
        query = {"partNumber": str(number), "uploadId": id}
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key}", query, body=body)

        def wanted() -> bool:
            model.put_part(self.bucket(at), who, key, id, number, body, self.now)
            return True

        if self.outcome(answer, wanted):
            self.same_headers(answer, {"etag": quoted(body.etag)})

    @rule(
        who=WHO, pick=UPLOAD, number=NUMBER, source=st.tuples(BUCKET, KEY, VERSION),
        first=st.sampled_from([None, None, 0, 1, 50]), length=st.sampled_from([1, 100, 4096]),
    )  # fmt: skip
    def copy_part(
        self,
        who: str,
        pick: int,
        number: int,
        source: tuple[int, int, int],
        first: int | None,
        length: int,
    ) -> None:
        at, key, id = self.upload(pick)
        who = self.user(who, at)
        named = self.source(*source, 0)
        span = None if first is None else (first, first + length - 1)
        headers = self.source_headers(named)
        if span is not None:
            headers["x-amz-copy-source-range"] = f"bytes={span[0]}-{span[1]}"
        query = {"partNumber": str(number), "uploadId": id}
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key}", query, headers)
        made = self.outcome(
            answer,
            lambda: model.copy_part(
                self.world, self.bucket(at), who, key, id, number, named, span, self.now
            ),
        )
        if made is not None:
            shown = (answer.text("ETag"), answer.text("LastModified"))
            self.same("part", shown, (quoted(made.etag), iso(self.now)))

    @rule(who=WHO, pick=UPLOAD, chosen=CHOSEN, when=CONDITION)
    def complete(self, who: str, pick: int, chosen: str, when: int) -> None:
        at, key, id = self.upload(pick)
        who = self.user(who, at)
        bucket = self.world.buckets.get(self.name(at))
        upload = bucket.uploads.get(id) if bucket else None
        named = _named(upload, chosen)
        if not named:
            return
        condition = self.condition(at, key, when)
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in named
        )
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = self.ask(
            who,
            "POST",
            f"/{self.name(at)}/{key}",
            {"uploadId": id},
            if_headers(condition),
            document,
        )
        made = self.outcome(
            answer,
            lambda: model.complete(self.bucket(at), who, key, id, named, condition, self.now),
        )
        if made is None:
            return
        etag, version = made
        self.same("etag", answer.text("ETag"), quoted(etag))
        if version is not None:
            self.named(version, answer.headers.get("x-amz-version-id"))
            shown = (answer.headers.get("cid"), answer.text("ChecksumCRC64NVME"))
            self.same("whole", shown, (version.held.cid, version.held.crc64))
            self.look(self.user("O", at), at, key)

    @rule(who=WHO, pick=UPLOAD)
    def abort(self, who: str, pick: int) -> None:
        at, key, id = self.upload(pick)
        who = self.user(who, at)
        answer = self.ask(who, "DELETE", f"/{self.name(at)}/{key}", {"uploadId": id})
        self.outcome(answer, lambda: model.abort(self.bucket(at), who, key, id), 204)

    @rule(who=WHO, pick=UPLOAD, most=MOST, after=st.sampled_from([0, 0, 1, 2, 6]))
    def list_parts(self, who: str, pick: int, most: int, after: int) -> None:
        at, key, id = self.upload(pick)
        who = self.user(who, at)
        query = {"uploadId": id, "max-parts": str(most), "part-number-marker": str(after)}
        answer = self.ask(who, "GET", f"/{self.name(at)}/{key}", query)

        def wanted() -> Upload:
            check(self.bucket(at), who, WRITE, "s3:ListMultipartUploadParts", key=key)
            return model.running(self.bucket(at), key, id)

        upload = self.outcome(answer, wanted)
        if upload is None:
            return
        later = [number for number in sorted(upload.parts) if number > after]
        shown = later[:most]
        rows = [(str(n), iso(upload.parts[n][1]), quoted(upload.parts[n][0].etag)) for n in shown]
        names = ("PartNumber", "LastModified", "ETag")
        found = [tuple(text(each, name) for name in names) for each in answer.all("Part")]
        self.same("parts", found, rows)
        sizes = [int(text(each, "Size")) for each in answer.all("Part")]
        self.same("sizes", sizes, [len(upload.parts[n][0].data) for n in shown])
        more = str(0 < len(shown) < len(later)).lower()
        told = (answer.text("NextPartNumberMarker"), answer.text("IsTruncated"))
        self.same("page", told, (str(shown[-1] if shown else 0), more))

    @rule(who=WHO, at=BUCKET, prefix=PREFIX, delimiter=DELIMITER, most=MOST, marker=MARKER)
    def list_uploads(
        self, who: str, at: int, prefix: int, delimiter: str, most: int, marker: int
    ) -> None:
        who = self.user(who, at)
        begins = self.prefix(prefix)
        after, id = self.marker(marker, begins, delimiter), ""
        query = {"uploads": "", "max-uploads": str(most), "encoding-type": "url"}
        query |= {"prefix": begins} if begins else {}
        query |= {"delimiter": delimiter} if delimiter else {}
        for _ in range(PAGES):
            markers = {"key-marker": after, "upload-id-marker": id}
            given = {name: value for name, value in markers.items() if value}
            answer = self.ask(who, "GET", f"/{self.name(at)}", query | given)
            asked = partial(self._uploads, who, at, begins, delimiter, after, id, most)
            wanted = self.outcome(answer, asked)
            if wanted is None:
                return
            found = [
                (decoded(text(each, "Key"), True), text(each, "UploadId"), text(each, "Initiated"))
                for each in answer.all("Upload")
            ]
            rows = [(each.key, each.id, iso(each.created)) for each in wanted.rows]
            self.same("uploads", found, rows)
            self._check_prefixes(answer, wanted.prefixes, True)
            last = wanted.last if wanted.more else ""
            after, id = (last.key, last.id) if isinstance(last, Upload) else (last or "", "")
            following = decoded(answer.text("NextKeyMarker"), True)
            told = (following, answer.text("NextUploadIdMarker"), answer.text("IsTruncated"))
            self.same("page", told, (after, id, str(wanted.more).lower()))
            if not wanted.more:
                return

    def _uploads(
        self, who: str, at: int, prefix: str, delimiter: str, after: str, id: str, most: int
    ) -> Page[Upload]:
        bucket = self.bucket(at)
        check(bucket, who, WRITE, "s3:ListBucketMultipartUploads")
        there = [each for each in bucket.uploads.values() if not each.completed]
        return uploads_page(there, prefix, delimiter, after, id, min(most, 1000))


def _named(upload: Upload | None, chosen: str) -> list[tuple[int, str]]:
    """What a Complete names of the parts."""
    there = sorted(upload.parts.items()) if upload else []
    named = [(number, part.etag) for number, (part, _) in there] or [(1, BODIES[2].etag)]
    match chosen:
        case "some":
            return named[::2]
        case "wrong":
            return [*named[:-1], (named[-1][0], BODIES[0].etag)]
        case "back":
            return named[::-1]
        case "none":
            return [*named, (9_999, BODIES[4].etag)]
    return named

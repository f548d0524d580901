"""Rules: every kind of listing, page by page, with every combination of its parameters."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

from hypothesis import strategies as st
from hypothesis.stateful import rule
from lxml import etree

from tests.torture.model_door import Answer, text
from tests.torture.model_keys import DELIMITERS
from tests.torture.model_lists import Page, is_after, page
from tests.torture.model_machine import BUCKET, WHO, Machine, iso, quoted
from tests.torture.model_rights import LIST, check, shown_owner
from tests.torture.model_rules_objects import ILLEGIBLE
from tests.torture.model_world import Upload, Version

PREFIX = st.integers(0, 63)
DELIMITER = st.sampled_from(["", "", "/", "/", *DELIMITERS])
MOST = st.sampled_from([0, 1, 1, 2, 3, 4, 1000, 1000, 2000])
MARKER = st.integers(0, 47)
"""See ``Lists.marker``."""
PAGES = 12
"""Followed at most."""

Named = tuple[str, Version]


class Left(NamedTuple):
    """A listing by ListObjectsV2, and how far it has come."""

    at: int
    prefix: str
    delimiter: str
    most: int
    url: bool
    owners: bool
    query: dict[str, str]
    after: str


class Lists(Machine):
    """ListObjects, ListObjectsV2, ListObjectVersions, ListBuckets."""

    def marker(self, pick: int, prefix: str, delimiter: str) -> str:
        """Below 16: none; else a key, the beginning of one, or one and a bit."""
        if pick < 16:
            return ""
        key = self.key(pick)
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        beginnings = (key, key[:-1], key + "!", key[: at + len(delimiter)] if at >= 0 else key)
        return beginnings[pick // 10 % 4][:300]

    def encoded(self, at: int, *texts: str, wanted: bool) -> bool:
        """Whether to ask for URLs: always, where XML could not say it."""
        bucket = self.world.buckets.get(self.name(at))
        return wanted or bool(ILLEGIBLE.search("".join([*texts, *(bucket.keys if bucket else ())])))

    @rule(
        who=WHO, at=BUCKET, prefix=PREFIX, delimiter=DELIMITER, most=MOST, marker=MARKER,
        url=st.booleans(), owners=st.booleans(), pages=st.sampled_from([1, PAGES, PAGES]),
    )  # fmt: skip
    def list_v2(
        self, who: str, at: int, prefix: int, delimiter: str, most: int, marker: int, url: bool,
        owners: bool, pages: int,
    ) -> None:  # fmt: skip
        begins = self.prefix(prefix)
        after = self.marker(marker, begins, delimiter)
        url = self.encoded(at, begins, delimiter, after, *self.keys, wanted=url)
        query = {"list-type": "2", "max-keys": str(most), "fetch-owner": str(owners).lower()}
        query |= _given(prefix=begins, delimiter=delimiter) | _encoding(url)
        query |= {"start-after": after} if after else {}
        self.left = Left(at, begins, delimiter, most, url, owners, query, after)
        self._go_on(self.user(who, at), pages)

    @rule(who=WHO)
    def go_on(self, who: str) -> None:
        """Where a listing was left, whatever has happened to the bucket since."""
        left: Left | None = getattr(self, "left", None)
        if left is not None:
            self._go_on(self.user(who, left.at), PAGES)

    def _go_on(self, who: str, pages: int) -> None:
        for _ in range(pages):
            left = self.left
            answer = self.ask(who, "GET", f"/{self.name(left.at)}", left.query)
            at, begins, delimiter, most = left.at, left.prefix, left.delimiter, left.most
            asked = partial(self._objects, who, at, begins, delimiter, left.after, most)
            wanted = self.outcome(answer, asked)
            if wanted is None:
                return
            self._check_objects(answer, wanted, at, left.url, owners=left.owners)
            count = len(wanted.rows) + len(wanted.prefixes)
            shown = _shown(answer, "Name", "KeyCount", "MaxKeys", "IsTruncated")
            cut = str(min(most, 1000))
            self.same("page", shown, [self.name(at), str(count), cut, str(wanted.more).lower()])
            echoed = [decoded(answer.text(name), left.url) for name in ("Prefix", "Delimiter")]
            self.same("echo", echoed, [begins, delimiter])
            token = answer.text("NextContinuationToken")
            self.same("token is there", bool(token), wanted.more)
            if not token:
                return
            query = left.query | {"continuation-token": token}
            self.left = left._replace(after=_last(wanted), query=query)

    @rule(
        who=WHO, at=BUCKET, prefix=PREFIX, delimiter=DELIMITER, most=MOST, marker=MARKER,
        url=st.booleans(),
    )  # fmt: skip
    def list_v1(
        self, who: str, at: int, prefix: int, delimiter: str, most: int, marker: int, url: bool
    ) -> None:
        who = self.user(who, at)
        begins = self.prefix(prefix)
        after = self.marker(marker, begins, delimiter)
        url = self.encoded(at, begins, delimiter, after, wanted=url)
        query = {"max-keys": str(most)} | _encoding(url)
        query |= _given(prefix=begins, delimiter=delimiter)
        for _ in range(PAGES):
            answer = self.ask(who, "GET", f"/{self.name(at)}", query | _given(marker=after))
            asked = partial(self._objects, who, at, begins, delimiter, after, most)
            wanted = self.outcome(answer, asked)
            if wanted is None:
                return
            self._check_objects(answer, wanted, at, url, owners=True)
            following = _last(wanted) if wanted.more and delimiter else ""
            names = ("Marker", "NextMarker", "Prefix", "Delimiter")
            shown = [decoded(answer.text(name), url) for name in names]
            self.same("echo", shown, [after, following, begins, delimiter])
            shown = _shown(answer, "MaxKeys", "IsTruncated")
            self.same("page", shown, [str(min(most, 1000)), str(wanted.more).lower()])
            if not wanted.more:
                return
            after = _last(wanted)

    def _objects(
        self, who: str, at: int, prefix: str, delimiter: str, after: str, most: int
    ) -> Page[Named]:
        bucket = self.bucket(at)
        check(bucket, who, LIST, "s3:ListBucket", prefix=prefix)
        return page(
            list(bucket.listed()),
            lambda row: row[0],
            lambda row: is_after(row[0], after),
            after,
            prefix=prefix,
            delimiter=delimiter,
            most=min(most, 1000),
        )

    def _check_objects(
        self, answer: Answer, wanted: Page[Named], at: int, url: bool, *, owners: bool
    ) -> None:
        found = [self._object(each, url) for each in answer.all("Contents")]
        rows = [
            (*self._row(key, version), shown_owner(self.bucket(at), version) if owners else "-")
            for key, version in wanted.rows
        ]
        self.same("contents", found, rows)
        self._check_prefixes(answer, wanted.prefixes, url)

    def _object(self, element: etree._Element, url: bool) -> tuple[str, ...]:
        owner = element.find("{*}Owner")
        whose = "-" if owner is None else self.door.whose(text(owner, "ID"))
        names = ("LastModified", "ETag", "Size", "StorageClass")
        return (decoded(text(element, "Key"), url), *[text(element, n) for n in names], whose)

    def _row(self, key: str, version: Version) -> tuple[str, ...]:
        size = str(len(version.held.data))
        return key, iso(version.modified), quoted(version.etag), size, "STANDARD"

    def _check_prefixes(self, answer: Answer, wanted: Sequence[str], url: bool) -> None:
        found = [decoded(text(each, "Prefix"), url) for each in answer.all("CommonPrefixes")]
        self.same("common prefixes", found, wanted)

    @rule(
        who=WHO, at=BUCKET, prefix=PREFIX, delimiter=DELIMITER, most=MOST, marker=MARKER,
        url=st.booleans(), version=st.integers(0, 5),
    )  # fmt: skip
    def list_versions(
        self, who: str, at: int, prefix: int, delimiter: str, most: int, marker: int, url: bool,
        version: int,
    ) -> None:  # fmt: skip
        who = self.user(who, at)
        begins = self.prefix(prefix)
        after, id = self.marker(marker, begins, delimiter), ""
        url = self.encoded(at, begins, delimiter, after, wanted=url)
        if (there := self.versions(at, after)) and version < len(there):
            id = there[version].id
        query = {"versions": "", "max-keys": str(most)} | _encoding(url)
        query |= _given(prefix=begins, delimiter=delimiter)
        for _ in range(PAGES):
            markers = {"key-marker": after, "version-id-marker": id}
            given = {name: value for name, value in markers.items() if value}
            answer = self.ask(who, "GET", f"/{self.name(at)}", query | given)
            asked = partial(self._versions, who, at, begins, delimiter, after, id, most)
            wanted = self.outcome(answer, asked)
            if wanted is None:
                return
            self._check_versions(answer, wanted, at, url)
            names = ("KeyMarker", "NextKeyMarker", "Prefix", "Delimiter")
            shown = [decoded(answer.text(name), url) for name in names]
            following = _last(wanted) if wanted.more else ""
            self.same("echo", shown, [after, following, begins, delimiter])
            shown = _shown(answer, "VersionIdMarker", "NextVersionIdMarker", "IsTruncated")
            next_id = wanted.last[1].id if wanted.more and isinstance(wanted.last, tuple) else ""
            self.same("page", shown, [id, next_id, str(wanted.more).lower()])
            if not wanted.more:
                return
            after, id = following, next_id

    def _versions(
        self, who: str, at: int, prefix: str, delimiter: str, after: str, id: str, most: int
    ) -> Page[Named]:
        """From new to old within a key, after the one version that the markers name."""
        bucket = self.bucket(at)
        check(bucket, who, LIST, "s3:ListBucketVersions", prefix=prefix)
        rows = [(key, each) for key in bucket.sorted() for each in bucket.keys[key]]
        older = list(bucket.keys.get(after, ()))
        if id:
            older = older[1 + [each.id for each in older].index(id) :]
        return page(
            rows,
            lambda row: row[0],
            lambda row: (
                is_after(row[0], after)
                or (id != "" and row[0] == after and any(row[1] is each for each in older))
            ),
            after,
            prefix=prefix,
            delimiter=delimiter,
            most=min(most, 1000),
        )

    def _check_versions(self, answer: Answer, wanted: Page[Named], at: int, url: bool) -> None:
        bucket = self.bucket(at)
        found = []
        for each in answer.document.iter("{*}Version", "{*}DeleteMarker"):
            shown = self._object(each, url)
            found.append((*shown, text(each, "VersionId"), text(each, "IsLatest")))
        rows = []
        for key, each in wanted.rows:
            latest = str(bucket.newest(key) is each).lower()
            row = (key, iso(each.modified), "", "", "")
            row = self._row(key, each) if each.body is not None else row
            rows.append((*row, shown_owner(bucket, each), each.id, latest))
        self.same("versions", found, rows)
        self._check_prefixes(answer, wanted.prefixes, url)

    @rule(who=st.sampled_from("AB"), most=st.sampled_from([1, 2, 1000]))
    def list_buckets(self, who: str, most: int) -> None:
        query = {"prefix": self.names[0][:-1], "max-buckets": str(most)}
        wanted = sorted(name for name, each in self.world.buckets.items() if each.owner == who)
        found: list[str] = []
        for _ in range(3):
            answer = self.ask(who, "GET", "/", query)
            self.same("status", answer.status, 200)
            found += [each.text or "" for each in answer.document.iter("{*}Name")]
            token = answer.document.findtext("{*}ContinuationToken")
            if not token:
                break
            query["continuation-token"] = token
        self.same("buckets", found, wanted)


def uploads_page(
    uploads: Sequence[Upload],
    prefix: str,
    delimiter: str,
    after: str,
    id: str,
    most: int,
) -> Page[Upload]:
    """By key and then by age; after one upload of the key ``after``, or after all of them."""
    rows = sorted(uploads, key=lambda each: (each.key.encode(), each.created))
    of_key = [each.id for each in rows if each.key == after]
    younger = of_key[1 + of_key.index(id) :] if id else []

    def beyond(row: Upload) -> bool:
        return is_after(row.key, after) or row.id in younger

    return page(
        rows, lambda row: row.key, beyond, after, prefix=prefix, delimiter=delimiter, most=most
    )


def decoded(shown: str, url: bool) -> str:
    return unquote(shown) if url else shown


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _encoding(url: bool) -> dict[str, str]:
    return {"encoding-type": "url"} if url else {}


def _shown(answer: Answer, *names: str) -> list[str]:
    return [answer.text(name) for name in names]


def _last(wanted: Page[Named]) -> str:
    if wanted.last is None:
        return ""
    return wanted.last if isinstance(wanted.last, str) else wanted.last[0]

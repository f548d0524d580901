"""Rules: objects and versions deleted, one and many."""

import base64
import hashlib

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_deletions as model
from tests.torture.model_door import Answer, text
from tests.torture.model_machine import BUCKET, KEY, VERSION, WHO, Difference, if_headers
from tests.torture.model_objects import If
from tests.torture.model_rules_objects import CONDITION, ILLEGIBLE, Objects, xml
from tests.torture.model_world import Bucket, Version


class Deletions(Objects):
    """DeleteObject and DeleteObjects."""

    @rule(who=WHO, at=BUCKET, key=KEY, version=VERSION, when=CONDITION, bypass=st.booleans())
    def delete(self, who: str, at: int, key: int, version: int, when: int, bypass: bool) -> None:
        who = self.user(who, at)
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        condition = If(match=self.condition(at, key_, when).match)
        headers = if_headers(condition)
        if bypass:
            headers["x-amz-bypass-governance-retention"] = "true"
        query = {} if id is None else {"versionId": id}
        answer = self.ask(who, "DELETE", f"/{self.name(at)}/{key_}", query, headers)
        made = self.outcome(
            answer,
            lambda: model.delete(
                self.bucket(at), who, key_, id, condition, self.now, bypass=bypass
            ),
            204,
        )
        if made is None:
            return
        marker, new = made
        shown = answer.headers.get("x-amz-version-id")
        if marker is not None and new:
            self.named(marker, shown)
        wanted = {"x-amz-delete-marker": "true" if marker is not None else None}
        wanted["x-amz-version-id"] = marker.id if marker is not None else id
        self.same_headers(answer, wanted)
        self.look(self.user("O", at), at, key_)

    @rule(
        who=WHO, at=BUCKET,
        wanted=st.lists(st.tuples(KEY, VERSION), min_size=1, max_size=5), quiet=st.booleans(),
    )  # fmt: skip
    def delete_many(self, who: str, at: int, wanted: list[tuple[int, int]], quiet: bool) -> None:
        who = self.user(who, at)
        pairs = [(self.key(key, at), version) for key, version in wanted]
        pairs = [(key, version) for key, version in pairs if not ILLEGIBLE.search(key)]
        named = [(key, self.version_id(at, key, version)) for key, version in pairs]
        there = self.world.buckets.get(self.name(at))
        if quiet:  # ids of new markers are looked up, one for each key
            named = list(dict(named).items())
            quiet = there is not None and not there.policy
        if not named:
            return
        listed = "".join(
            f"<Object><Key>{xml(key)}</Key>"
            f"{f'<VersionId>{id}</VersionId>' if id is not None else ''}</Object>"
            for key, id in named
        )
        document = f"<Delete>{listed}<Quiet>{str(quiet).lower()}</Quiet></Delete>".encode()
        md5 = base64.b64encode(hashlib.md5(document).digest()).decode()
        answer = self.ask(
            who, "POST", f"/{self.name(at)}", {"delete": ""}, {"content-md5": md5}, document
        )
        made = self.outcome(
            answer, lambda: model.delete_many(self.bucket(at), who, named, self.now)
        )
        if made is not None:
            self._check_deleted(answer, self.bucket(at), named, made, quiet)

    def _check_deleted(
        self,
        answer: Answer,
        bucket: Bucket,
        named: list[tuple[str, str | None]],
        made: list[tuple[Version | None, bool] | str],
        quiet: bool,
    ) -> None:
        ids = iter([text(each, "DeleteMarkerVersionId") for each in answer.all("Deleted")])
        deleted, errors = [], []
        for (key, id), each in zip(named, made, strict=True):
            if isinstance(each, str):
                errors.append((key, id or "", each))
                continue
            marker, new = each
            if quiet:
                if marker is not None and new:
                    self._find_marker(bucket, key, marker)
                continue
            shown = next(ids, "")
            if marker is not None and new:
                self.named(marker, shown)
            told = ("true", marker.id) if marker is not None else ("", "")
            deleted.append((key, id or "", *told))
        names = ("Key", "VersionId", "DeleteMarker", "DeleteMarkerVersionId")
        found = [tuple(text(each, name) for name in names) for each in answer.all("Deleted")]
        self.same("deleted", found, deleted)
        names = ("Key", "VersionId", "Code")
        found = [tuple(text(each, name) for name in names) for each in answer.all("Error")]
        self.same("errors", found, errors)

    def _find_marker(self, bucket: Bucket, key: str, marker: Version) -> None:
        """Its id was not told: the owner looks."""
        if bucket.versioning != "Enabled":
            return
        if bucket.newest(key) is not marker:
            raise Difference("two markers of one key at once: ids cannot be told apart")
        answer = self.ask(bucket.owner, "HEAD", f"/{bucket.name}/{key}")
        self.named(marker, answer.headers.get("x-amz-version-id"))

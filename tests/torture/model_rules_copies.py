"""Rules: objects copied, onto themselves too."""

from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_copies as model
from tests.torture.model_copies import Source
from tests.torture.model_machine import BUCKET, KEY, VERSION, WHO, if_headers, iso, quoted
from tests.torture.model_rules_deletions import Deletions
from tests.torture.model_rules_objects import CONDITION
from tests.torture.model_world import NULL, Version


class Copies(Deletions):
    """CopyObject; and how a source is named, for parts as well."""

    @rule(
        who=WHO, source=st.tuples(BUCKET, KEY, VERSION), at=BUCKET, key=KEY,
        kind=st.integers(0, 4), extra=st.sampled_from(["", "", "", "t"]), pick=st.integers(0, 2),
        when=CONDITION, source_when=st.sampled_from([*[0] * 9, 6, 8, 9, 10, 11, 12, 13]),
    )  # fmt: skip
    def copy(
        self, who: str, source: tuple[int, int, int], at: int, key: int, kind: int, extra: str,
        pick: int, when: int, source_when: int,
    ) -> None:  # fmt: skip
        """``kind``: below 3 the metadata is replaced."""
        who = self.user(who, at)
        named = self.source(*source, source_when)
        key_ = self.key(key, at)
        condition = self.condition(at, key_, when)
        replaced = kind < 3
        said = self.said(kind if replaced else 0, extra, pick)
        headers = if_headers(condition) | self.source_headers(named)
        if replaced:
            headers |= dict(said.headers) | {"x-amz-metadata-directive": "REPLACE"}
        if said.tags is not None:
            headers |= {"x-amz-tagging": urlencode(said.tags)}
            headers["x-amz-tagging-directive"] = "REPLACE"
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key_}", headers=headers)

        def wanted() -> Version:
            target = self.bucket(at)
            return model.copy(
                self.world, who, target, key_, named, said, condition, self.now, replaced=replaced
            )

        before = self._source_id(named)
        made = self.outcome(answer, wanted)
        if made is not None:
            self.named(made, answer.headers.get("x-amz-version-id"))
            told = {"cid": made.held.cid, "x-amz-copy-source-version-id": before}
            self.same_headers(answer, told)
            shown = (answer.text("ETag"), answer.text("LastModified"))
            self.same("result", shown, (quoted(made.etag), iso(made.modified)))
            self.look(self.user("O", at), at, key_)

    def source(self, at: int, key: int, version: int, when: int) -> Source:
        key_ = self.key(key, at)
        condition = self.condition(at, key_, when)
        return Source(self.name(at), key_, self.version_id(at, key_, version), condition)

    def source_headers(self, named: Source) -> dict[str, str]:
        version = "" if named.id is None else f"?versionId={named.id}"
        header = f"/{named.bucket}/{quote(named.key, safe='/')}{version}"
        return {"x-amz-copy-source": header} | if_headers(named.when, "x-amz-copy-source-")

    def _source_id(self, named: Source) -> str | None:
        """How the answer is to name the version that is copied."""
        bucket = self.world.buckets.get(named.bucket)
        current = bucket.current(named.key) if bucket else None
        if named.id is not None or current is None:
            return named.id
        return None if current.id == NULL else current.id

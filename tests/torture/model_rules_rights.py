"""Rules: policies and access control lists, of buckets and of objects."""

import json
import random
from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.torture import model_objects as model
from tests.torture.model_door import Answer, text
from tests.torture.model_machine import BUCKET, KEY, VERSION, WHO
from tests.torture.model_rights import (
    ENFORCED,
    EVERYBODY,
    PREFERRED,
    READ_ACP,
    WRITE_ACP,
    check,
    grants,
    holding,
    may_give,
    opens,
)
from tests.torture.model_rules_buckets import Buckets
from tests.torture.model_rules_objects import ACLS
from tests.torture.model_world import Acl, Bucket, Statement, refuse

BUCKET_ACLS = (
    *(Acl("public-read"), Acl("public-read-write"), Acl("authenticated-read"), Acl("private")),
    *(Acl(grants=(("B", "WRITE"), ("A", "FULL_CONTROL"))), Acl(grants=((EVERYBODY, "READ"),))),
)
ACTIONS = (
    *(("s3:*",), ("s3:Get*",), ("s3:GetObject",), ("s3:GetObject", "s3:ListBucket")),
    *(("s3:PutObject",), ("s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl")),
    *(("s3:DeleteObject",), ("s3:DeleteObjectVersion",), ("s3:Delete*",), ("s3:ListBucket",)),
    *(("s3:ListBucketVersions",), ("s3:GetObjectVersion",), ("s3:List*",)),
    *(("s3:GetObjectTagging", "s3:PutObjectTagging"), ("s3:GetObjectAcl", "s3:PutObjectAcl")),
    *(("s3:GetObjectRetention", "s3:BypassGovernanceRetention"), ("s3:PutObjectRetention",)),
)
TAGGED = (
    *(("s3:GetObject",), ("s3:GetObjectVersion",), ("s3:GetObjectAcl", "s3:PutObjectAcl")),
    *(("s3:GetObjectTagging", "s3:PutObjectTagging"), ("s3:GetObject", "s3:GetObjectTagging")),
)
LISTED = (
    ("s3:ListBucket",),
    ("s3:ListBucketVersions",),
    ("s3:ListBucket", "s3:ListBucketVersions"),
)
ALLOW = st.sampled_from([True, True, False])
WHOM = st.sampled_from(["B", "B", "*", "A"])
STATEMENT = st.one_of(
    st.builds(
        Statement,
        allow=ALLOW,
        who=WHOM,
        actions=st.sampled_from(ACTIONS),
        keys=st.sampled_from(["", "", "", "a", "a/"]),
    ),
    st.builds(Statement, allow=ALLOW, who=WHOM, actions=st.sampled_from(TAGGED), tag=st.just("1")),
    st.builds(
        Statement, allow=ALLOW, who=WHOM, actions=st.sampled_from(LISTED), prefix=st.just("a")
    ),
)


def _conditions(statement: Statement) -> dict[str, dict[str, str]]:
    said = {}
    if statement.tag:
        said["StringEquals"] = {"s3:ExistingObjectTag/a": statement.tag}
    if statement.prefix:
        said["StringLike"] = {"s3:prefix": f"{statement.prefix}*"}
    return said


def ownership(controls: str) -> bytes:
    said = f"<Rule><ObjectOwnership>{controls}</ObjectOwnership></Rule>"
    return f"<OwnershipControls>{said}</OwnershipControls>".encode()


class Rights(Buckets):
    """Who may do what, from now on."""

    def begin_others(self, source: random.Random) -> None:
        super().begin_others(source)
        bucket = self.world.buckets[self.names[0]]
        if source.random() < 0.3:
            self._give(bucket, Acl("public-read-write"))
            for key in source.sample(self.keys[:6], 2):
                self.first_object(source, 0, key, "B")
        if source.random() < 0.3:
            self._give(bucket, Acl())
            self._own(bucket, source.choice((PREFERRED, ENFORCED, ENFORCED)))
        elif source.random() < 0.5:
            self._give(bucket, source.choice(BUCKET_ACLS))
        if source.random() < 0.4:
            who, keys = source.choice("BB*A"), source.choice(("", "", "a"))
            tag = source.choice(("", "", "1"))
            actions = source.choice(TAGGED if tag else ACTIONS)
            said = [Statement(source.random() < 0.6, who, actions, keys, tag)]
            document = json.dumps(self._policy(bucket.name, said)).encode()
            query = {"policy": ""}
            answer = self.ask(bucket.owner, "PUT", f"/{bucket.name}", query, body=document)
            self.same("status", answer.status, 204)
            bucket.policy = tuple(said)

    def _own(self, bucket: Bucket, controls: str) -> None:
        query, document = {"ownershipControls": ""}, ownership(controls)
        answer = self.ask(bucket.owner, "PUT", f"/{bucket.name}", query, body=document)
        self.same("status", answer.status, 200)
        bucket.ownership = controls

    def _give(self, bucket: Bucket, acl: Acl) -> None:
        headers = self.acl_headers(acl)
        answer = self.ask(bucket.owner, "PUT", f"/{bucket.name}", {"acl": ""}, headers)
        self.same("status", answer.status, 200)
        bucket.acl = acl

    @rule(who=st.sampled_from("AAAAB"), at=BUCKET, said=st.lists(STATEMENT, min_size=1, max_size=2))
    def put_policy(self, who: str, at: int, said: list[Statement]) -> None:
        query = {"policy": ""}
        document = json.dumps(self._policy(self.name(at), said)).encode()
        answer = self.ask(who, "PUT", f"/{self.name(at)}", query, body=document)

        def wanted() -> None:
            bucket = self.bucket(at)
            if who != bucket.owner:
                refuse("AccessDenied")
            if "BlockPublicPolicy" in bucket.blocked and opens(said):
                refuse("AccessDenied")
            bucket.policy = tuple(said)

        self.outcome(answer, wanted, 204)

    def _policy(self, name: str, said: Iterable[Statement]) -> dict[str, object]:
        users = {user: {"AWS": key.key} for user, key in self.door.users.items()}
        arn = f"arn:aws:s3:::{name}"
        statements = [
            {
                "Effect": "Allow" if each.allow else "Deny",
                "Principal": users.get(each.who, "*"),
                "Action": list(each.actions),
                "Resource": [arn, f"{arn}/{each.keys}*"],
                "Condition": _conditions(each),
            }
            for each in said
        ]
        return {"Version": "2012-10-17", "Statement": statements}

    @rule(who=st.sampled_from("AAAB"), at=BUCKET)
    def policy(self, who: str, at: int) -> None:
        answer = self.ask(who, "GET", f"/{self.name(at)}", {"policy": ""})

        def wanted() -> tuple[Statement, ...]:
            if who != self.bucket(at).owner:
                refuse("AccessDenied")
            return self.bucket(at).policy or refuse("NoSuchBucketPolicy")

        said = self.outcome(answer, wanted)
        if said is not None:
            self.same("policy", json.loads(answer.body), self._policy(self.name(at), said))

    @rule(who=st.sampled_from("AAAB"), at=BUCKET)
    def delete_policy(self, who: str, at: int) -> None:
        answer = self.ask(who, "DELETE", f"/{self.name(at)}", {"policy": ""})

        def wanted() -> None:
            bucket = self.bucket(at)
            if who != bucket.owner:
                refuse("AccessDenied")
            bucket.policy = ()

        self.outcome(answer, wanted, 204)

    @rule(who=st.sampled_from("AAAB"), at=BUCKET, pick=st.integers(0, len(BUCKET_ACLS) - 1))
    def put_bucket_acl(self, who: str, at: int, pick: int) -> None:
        acl = BUCKET_ACLS[pick]
        headers = self.acl_headers(acl)
        answer = self.ask(who, "PUT", f"/{self.name(at)}", {"acl": ""}, headers)

        def wanted() -> None:
            bucket = self.bucket(at)
            check(bucket, who, WRITE_ACP, "s3:PutBucketAcl")
            may_give(bucket, acl)
            bucket.acl = acl

        self.outcome(answer, wanted)

    @rule(who=st.sampled_from("AAB"), at=BUCKET)
    def bucket_acl(self, who: str, at: int) -> None:
        answer = self.ask(who, "GET", f"/{self.name(at)}", {"acl": ""})

        def wanted() -> tuple[tuple[str, str], ...]:
            bucket = self.bucket(at)
            check(bucket, who, READ_ACP, "s3:GetBucketAcl")
            holder, acl = holding(bucket, None)
            return grants(acl, holder, bucket.owner)

        self._check_grants(answer, self.outcome(answer, wanted))

    @rule(who=WHO, at=BUCKET, key=KEY, version=VERSION, pick=st.integers(0, len(ACLS) - 1))
    def put_object_acl(self, who: str, at: int, key: int, version: int, pick: int) -> None:
        who = self.user(who, at)
        key_, acl = self.key(key, at), ACLS[pick]
        id = self.version_id(at, key_, version)
        query = {"acl": ""} | ({} if id is None else {"versionId": id})
        headers = self.acl_headers(acl)
        answer = self.ask(who, "PUT", f"/{self.name(at)}/{key_}", query, headers)
        found = self.outcome(answer, lambda: model.of_acl(self.bucket(at), who, key_, id, acl))
        if found is not None:
            found.acl = acl

    @rule(who=WHO, at=BUCKET, key=KEY, version=VERSION)
    def object_acl(self, who: str, at: int, key: int, version: int) -> None:
        who = self.user(who, at)
        key_ = self.key(key, at)
        id = self.version_id(at, key_, version)
        query = {"acl": ""} | ({} if id is None else {"versionId": id})
        answer = self.ask(who, "GET", f"/{self.name(at)}/{key_}", query)

        def wanted() -> tuple[tuple[str, str], ...]:
            bucket = self.bucket(at)
            found = model.read(bucket, who, key_, id, action="s3:GetObjectAcl")
            holder, acl = holding(bucket, found)
            return grants(acl, holder, bucket.owner)

        self._check_grants(answer, self.outcome(answer, wanted))

    def _check_grants(self, answer: Answer, wanted: tuple[tuple[str, str], ...] | None) -> None:
        if wanted is None:
            return
        found = []
        for each in answer.document.iter("{*}Grant"):
            (grantee,) = each.iter("{*}Grantee")
            whose = text(grantee, "URI") or self.door.whose(text(grantee, "ID"))
            found.append((whose, text(each, "Permission")))
        self.same("grants", tuple(found), wanted)

"""The decision of a bucket that has a policy: every row of its order.

explicit Deny > the policy's Allow, or the ACL, or being the owner > no
"""

import json
from datetime import UTC, datetime
from itertools import product

import pytest
from msgspec.structs import replace

from gateway.access import Caller, Needs, check
from gateway.config import Config
from gateway.errors import AccessDenied, NoSuchKey
from gateway.policy.asks import Asks
from gateway.policy.facts import Facts
from keys.access_key import AccessKey
from store.records import Attributes, Bucket, Entry
from tests.gateway.asked import asked
from tests.gateway.policy.documents import BUCKET, OBJECTS, document, statement

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = Entry(1, b"key", 1, 0, b"", "", 0, "owner", Attributes())
ACTIONS = {Needs.READ: "s3:ListBucket", Needs.GET: "s3:GetObject", Needs.WRITE: "s3:PutObject"}
OPENED = {
    "private": set(),
    "public-read": {Needs.READ, Needs.GET},
    "public-read-write": set(ACTIONS),
}


def caller(name: str) -> Caller:
    return Caller(AccessKey(name, "secret", f"/{name}", True, WHEN, WHEN) if name else None)


def bucket(*statements: dict, acl: str = "private", **blocked: bool) -> Bucket:
    config = {"policy": document(*statements)}
    if blocked:
        inner = "".join(f"<{name}>{str(on).lower()}</{name}>" for name, on in blocked.items())
        root = "PublicAccessBlockConfiguration"
        config["public_access_block"] = f"<{root}>{inner}</{root}>".encode()
    return Bucket(1, "bucket", "owner", "/owner/bucket", 0, acl, "us-east-1", "x", config)


def may(
    who: str,
    needs: Needs,
    where: Bucket,
    *actions: str,
    entry: Entry | None = ENTRY,
    key: str | None = "key",
    config: Config = Config(),  # noqa: B008 - frozen
    later: bool = False,
) -> bool:
    key = None if needs is Needs.READ else key
    names = actions or (ACTIONS[needs],)
    facts = Facts(asked("GET /bucket/key"), who, WHEN)
    asks = Asks(names, key, facts, missing=entry is None, later=later)
    try:
        check(caller(who), needs, where, config, entry, asks)
    except AccessDenied:
        return False
    return True


EVERYTHING = {"Action": "s3:*", "Resource": [BUCKET, OBJECTS]}
ALLOW = statement(**EVERYTHING)
DENY = statement(Effect="Deny", **EVERYTHING)
NOTHING = statement(Principal={"AWS": "nobody"}, **EVERYTHING)


@pytest.mark.parametrize(
    ("who", "needs", "acl", "allow", "deny"),
    list(product(["owner", "other", ""], ACTIONS, OPENED, [False, True], [False, True])),
)
def test_the_order_of_the_decision(who, needs, acl, allow, deny):
    where = bucket(NOTHING, *[ALLOW] * allow, *[DENY] * deny, acl=acl)

    expected = not deny and (allow or who == "owner" or needs in OPENED[acl])
    assert may(who, needs, where) is expected


@pytest.mark.parametrize(("own_acl", "allowed"), [(None, True), ("private", False)])
def test_a_policy_shares_only_what_is_the_bucket_owners(own_acl, allowed):
    theirs = replace(ENTRY, owner="writer", attributes=Attributes(acl=own_acl))
    enforced = b"<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
    controls = {"ownership_controls": b"<OwnershipControls>%b</OwnershipControls>" % enforced}
    where = bucket(ALLOW)

    for who in ("owner", "other", ""):
        assert may(who, Needs.GET, where, entry=theirs) is allowed
    assert may("writer", Needs.GET, where, entry=theirs)
    assert not may("writer", Needs.GET, bucket(ALLOW, DENY), entry=theirs)
    assert may("other", Needs.WRITE, where, entry=theirs)
    owned = replace(where, config=where.config | controls)
    assert may("other", Needs.GET, owned, entry=theirs)


OWNERS_OWN = ["s3:PutBucketPolicy", "s3:GetBucketPolicy", "s3:DeleteBucketPolicy"]


@pytest.mark.parametrize("action", OWNERS_OWN)
@pytest.mark.parametrize("said", [ALLOW, DENY, NOTHING], ids=["allow", "deny", "nothing"])
def test_the_policy_is_the_owners_whatever_it_says(action, said):
    where = bucket(said)

    assert may("owner", Needs.OWNER, where, action, key=None)
    assert not may("other", Needs.OWNER, where, action, key=None)
    assert not may("", Needs.OWNER, where, action, key=None)


def test_a_request_that_nobody_put_into_words_gets_in_nowhere():
    for who in ("owner", "other", ""):
        with pytest.raises(AccessDenied):
            check(caller(who), Needs.GET, bucket(ALLOW), Config(), ENTRY)


def test_a_stored_document_that_is_no_policy_closes_the_bucket_but_to_be_mended():
    broken = replace(bucket(ALLOW, acl="public-read"), config={"policy": b"{}"})

    assert not may("owner", Needs.GET, broken)
    assert not may("other", Needs.GET, broken)
    assert may("owner", Needs.OWNER, broken, "s3:PutBucketPolicy", key=None)


def test_every_action_is_needed():
    where = bucket(statement(Action=["s3:PutObject", "s3:GetObject"]))

    assert may("other", Needs.WRITE, where, "s3:PutObject")
    assert not may("other", Needs.WRITE, where, "s3:PutObject", "s3:PutObjectTagging")
    denied = bucket(ALLOW, statement(Effect="Deny", Action="s3:PutObjectAcl"))
    assert not may("other", Needs.WRITE, denied, "s3:PutObject", "s3:PutObjectAcl")


GET_ONLY = statement()
LIST_ONLY = statement(Action="s3:ListBucket", Resource=BUCKET)
LIST_SOME = LIST_ONLY | {"Condition": {"StringLike": {"s3:prefix": "ke*"}}}
LIST_OTHERS = LIST_ONLY | {"Condition": {"StringLike": {"s3:prefix": "x*"}}}


@pytest.mark.parametrize(
    ("statements", "there", "missing"),
    [
        ([NOTHING], False, False),
        ([GET_ONLY], True, False),
        ([LIST_ONLY], False, True),
        ([GET_ONLY, LIST_ONLY], True, True),
        ([GET_ONLY, LIST_SOME], True, True),
        ([GET_ONLY, LIST_OTHERS], True, False),
        ([LIST_ONLY, statement(Effect="Deny")], False, False),
        ([GET_ONLY, LIST_ONLY, LIST_ONLY | {"Effect": "Deny"}], True, False),
    ],
)
def test_who_may_not_list_does_not_learn_what_is_missing(statements, there, missing):
    where = bucket(*statements)

    assert may("other", Needs.GET, where) is there
    if missing and not there:
        with pytest.raises(NoSuchKey):
            may("other", Needs.GET, where, entry=None)
    else:
        assert may("other", Needs.GET, where, entry=None) is missing


@pytest.mark.parametrize(
    ("said", "public"), [(ALLOW, True), (ALLOW | {"Principal": {"AWS": "other"}}, False)]
)
def test_a_public_policy_allows_nothing_where_those_are_restricted(said, public):
    for where, config in [
        (bucket(said, RestrictPublicBuckets=True), Config()),
        (bucket(said), Config(block_public=True)),
    ]:
        assert may("other", Needs.GET, where, config=config) is not public
        assert may("owner", Needs.GET, where, config=config)
    assert may("other", Needs.GET, bucket(said, BlockPublicPolicy=True))


def test_a_restricted_policy_still_denies():
    where = bucket(ALLOW, DENY, RestrictPublicBuckets=True)

    assert not may("owner", Needs.GET, where)


@pytest.mark.parametrize("policy", [True, False])
def test_public_acls_that_are_ignored_open_nothing(policy):
    where = bucket(NOTHING, acl="public-read-write", IgnorePublicAcls=True)
    if not policy:
        where = replace(where, config={k: v for k, v in where.config.items() if k != "policy"})

    assert [may("other", needs, where) for needs in ACTIONS] == [False] * 3
    assert [may("owner", needs, where) for needs in ACTIONS] == [True] * 3


def test_many_objects_are_asked_about_when_one_might_be_allowed():
    where = bucket(statement(Action="s3:DeleteObject", Resource=f"{BUCKET}/x"))
    asking = {"key": None, "later": True}

    assert may("other", Needs.WRITE, where, "s3:DeleteObject", **asking)
    assert not may("other", Needs.WRITE, where, "s3:PutObject", **asking)
    assert may("owner", Needs.WRITE, where, "s3:DeleteObject", **asking)
    assert may("other", Needs.WRITE, bucket(NOTHING, acl="public-read-write"), **asking)


def test_a_policy_is_read_once():
    from gateway.policy.document import parse

    where = bucket(statement(Sid=json.dumps("read once")))
    before = parse.cache_info().misses
    for _ in range(3):
        assert may("other", Needs.GET, where)
    assert parse.cache_info().misses == before + 1

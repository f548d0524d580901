"""Every cell of what an ACL gives: ACL x caller x right x ownership x block, for bucket and object.

What is expected is said here once more, in AWS's own tables.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions
"""

from datetime import UTC, datetime
from itertools import product

import pytest

from gateway.access import Caller, Needs, check
from gateway.config import Config
from gateway.errors import AccessDenied
from gateway.policy.grants import CONFIG, CannedAcl, Group, kept
from keys.access_key import AccessKey
from store.records import Attributes, Bucket, Entry, Grant

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
CALLERS = ("owner", "writer", "friend", "other", "")
OF_BUCKET = {
    "READ": {"read"},
    "WRITE": {"write"},
    "READ_ACP": {"read-acp"},
    "WRITE_ACP": {"write-acp"},
    "FULL_CONTROL": {"read", "write", "read-acp", "write-acp"},
}
OF_OBJECT = {
    "READ": {"get"},
    "WRITE": set(),
    "READ_ACP": {"get-acp"},
    "WRITE_ACP": {"put-acp"},
    "FULL_CONTROL": {"get", "get-acp", "put-acp"},
}
CANNED = {
    "private": [],
    "public-read": [("all", "READ")],
    "public-read-write": [("all", "READ"), ("all", "WRITE")],
    "authenticated-read": [("signed", "READ")],
    "aws-exec-read": [],
    "bucket-owner-read": [("owner", "READ")],
    "bucket-owner-full-control": [("owner", "FULL_CONTROL")],
    "log-delivery-write": [],
}
WHO = {
    "all": Grant("", group=Group.ALL_USERS),
    "signed": Grant("", group=Group.AUTHENTICATED_USERS),
    "logs": Grant("", group=Group.LOG_DELIVERY),
    "friend": Grant("", key="friend"),
    "owner": Grant("", key="owner"),
}
EXPLICIT = [[], *([pair] for pair in product(WHO, OF_BUCKET))]
EXPLICIT += [[("friend", "READ"), ("all", "READ_ACP")], [("friend", "WRITE"), ("signed", "READ")]]
ACLS = [*CANNED, *EXPLICIT]
MODES = ("", "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced")
BLOCKS = ("", "IgnorePublicAcls", "BlockPublicAcls", "server")


def granted(acl) -> list[tuple[str, str]]:
    return CANNED[acl] if isinstance(acl, str) else acl


def attributes(acl) -> Attributes:
    if acl is None or isinstance(acl, str):
        return Attributes(acl=acl)
    grants = tuple(Grant(right, WHO[who].key, WHO[who].group) for who, right in acl)
    return Attributes(acl="private", grants=grants)


def bucket(acl, mode: str, block: str) -> Bucket:
    config = {}
    if mode:
        rule = f"<Rule><ObjectOwnership>{mode}</ObjectOwnership></Rule>"
        config["ownership_controls"] = f"<OwnershipControls>{rule}</OwnershipControls>".encode()
    if block not in ("", "server"):
        root = "PublicAccessBlockConfiguration"
        config["public_access_block"] = f"<{root}><{block}>true</{block}></{root}>".encode()
    said = attributes(acl)
    if said.grants is not None:
        config[CONFIG] = kept(said.grants)
    return Bucket(1, "bucket", "owner", "/owner/b", 0, said.acl, "us-east-1", "x", config)


def entry(acl) -> Entry:
    return Entry(1, b"key", 1, 0, b"", "", 0, "writer", attributes(acl))


def may(who: str, needs: Needs, where: Bucket, what: Entry | None, config: Config) -> bool:
    caller = Caller(AccessKey(who, "secret", f"/{who}", True, WHEN, WHEN) if who else None)
    try:
        check(caller, needs, where, config, what)
    except AccessDenied:
        return False
    return True


def given(acl, who: str, table: dict[str, set[str]], block: str) -> set[str]:
    """The rights that the grants of an ACL give to a caller who owns nothing."""
    rights = set()
    for grantee, right in granted(acl):
        public = grantee in ("all", "signed") and block in ("", "BlockPublicAcls")
        named = grantee not in ("all", "signed") and grantee == who
        if named or (public and (grantee == "all" or who)):
            rights |= table[right]
    return rights


BUCKET_RIGHTS = {"read", "write", "read-acp", "write-acp", "owner"}
OBJECT_RIGHTS = {"get", "get-acp", "put-acp"}


def test_the_tables_have_every_acl_and_every_right():
    assert set(CANNED) == set(CannedAcl)
    assert BUCKET_RIGHTS | OBJECT_RIGHTS | {"signed"} == set(Needs)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("mode", MODES)
def test_what_the_acl_of_a_bucket_gives(mode, block):
    config = Config(block_public=block == "server")
    wrong = []
    for acl, who, right in product(ACLS, CALLERS, sorted(BUCKET_RIGHTS)):
        if acl in ("bucket-owner-read", "bucket-owner-full-control"):
            continue  # no bucket has it
        expected = who == "owner"
        if mode != "BucketOwnerEnforced":
            expected = expected or right in given(acl, who, OF_BUCKET, block)
        if may(who, Needs(right), bucket(acl, mode, block), None, config) is not expected:
            wrong.append((acl, who, right))
    assert wrong == []


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bucket_acl", ["private", "public-read-write", [("friend", "READ")]])
def test_what_an_objects_own_acl_gives(bucket_acl, mode, block):
    """Whatever its bucket's is, and to the bucket's owner no more than to others."""
    config, wrong = Config(block_public=block == "server"), []
    where = bucket(bucket_acl, mode, block)
    for acl, who, right in product(ACLS, CALLERS, sorted(OBJECT_RIGHTS)):
        if mode == "BucketOwnerEnforced":
            expected = who == "owner"
        else:
            expected = who == "writer" or right in given(acl, who, OF_OBJECT, block)
        if may(who, Needs(right), where, entry(acl), config) is not expected:
            wrong.append((acl, who, right))
    assert wrong == []


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("default", ["bucket", "private"])
def test_what_holds_of_an_object_without_its_own_acl(default, mode, block):
    """Its bucket's (BTIP-25), or it is private to its writer (AWS)."""
    config = Config(block_public=block == "server", default_object_acl=default)
    wrong = []
    for acl, who, right in product(ACLS, CALLERS, sorted(OBJECT_RIGHTS)):
        if acl in ("bucket-owner-read", "bucket-owner-full-control"):
            continue
        if mode == "BucketOwnerEnforced":
            expected = who == "owner"
        elif default == "private":
            expected = who == "writer"
        else:
            expected = who == "owner" or right in given(acl, who, OF_OBJECT, block)
        if may(who, Needs(right), bucket(acl, mode, block), entry(None), config) is not expected:
            wrong.append((acl, who, right))
    assert wrong == []


def test_whether_a_key_is_missing_is_told_to_who_may_list():
    for acl, who, right in product(ACLS, CALLERS, sorted(OBJECT_RIGHTS)):
        if acl in ("bucket-owner-read", "bucket-owner-full-control"):
            continue
        lists = who == "owner" or "read" in given(acl, who, OF_BUCKET, "")
        assert may(who, Needs(right), bucket(acl, "", ""), None, Config()) is lists

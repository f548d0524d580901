"""Every cell of BTIP-25 "Access Control Lists (ACLs)"; all ACLs are in ``test_access_matrix``."""

from datetime import UTC, datetime
from itertools import product

import pytest

from gateway.access import Caller, Needs, check
from gateway.config import Config
from gateway.errors import AccessDenied
from keys.access_key import AccessKey
from store.records import Attributes, Bucket, Entry

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = Config()
ACLS = ("private", "public-read", "public-read-write")


def caller(name: str) -> Caller:
    if not name:
        return Caller(None)
    return Caller(AccessKey(name, "secret", f"/{name}", True, WHEN, WHEN))


OWNER, WRITER, OTHER, ANONYMOUS = map(caller, ("owner", "writer", "other", ""))
NOT_OWNERS = (OTHER, ANONYMOUS)


def bucket(acl: str, owner: str = "owner") -> Bucket:
    return Bucket(1, "bucket", owner, f"/{owner}/bucket", 0, acl, "us-east-1", "unixfs-v1-2025")


def entry(acl: str | None, owner: str = "writer") -> Entry:
    attributes = Attributes(acl=acl)
    return Entry(1, b"key", 1, 0, b"", "", 0, owner, attributes)


def may(
    who: Caller,
    needs: Needs,
    where: Bucket | None,
    what: Entry | None = None,
    config: Config = DEFAULTS,
) -> bool:
    try:
        check(who, needs, where, config, what)
    except AccessDenied:
        return False
    return True


# needs: (private, public-read, public-read-write) for anybody but the owner
TABLE = {
    Needs.READ: (False, True, True),
    Needs.GET: (False, True, True),
    Needs.WRITE: (False, False, True),
    Needs.READ_ACP: (False, False, False),
    Needs.WRITE_ACP: (False, False, False),
    Needs.GET_ACP: (False, False, False),
    Needs.PUT_ACP: (False, False, False),
    Needs.OWNER: (False, False, False),
}
CELLS = [
    (needs, acl, allowed)
    for needs, row in TABLE.items()
    for acl, allowed in zip(ACLS, row, strict=True)
]


def test_the_table_has_every_right():
    assert set(TABLE) | {Needs.SIGNED} == set(Needs)


@pytest.mark.parametrize(("needs", "acl", "allowed"), CELLS)
@pytest.mark.parametrize("who", NOT_OWNERS, ids=["other key", "anonymous"])
def test_what_an_acl_opens_to_others(who, needs, acl, allowed):
    assert may(who, needs, bucket(acl), entry(None)) is allowed


@pytest.mark.parametrize(("needs", "acl", "allowed"), CELLS)
def test_the_owner_may_do_everything(needs, acl, allowed):
    assert may(OWNER, needs, bucket(acl))


@pytest.mark.parametrize(("who", "allowed"), [(OWNER, True), (OTHER, True), (ANONYMOUS, False)])
def test_any_key_but_not_anonymous_may_create_and_list_buckets(who, allowed):
    assert may(who, Needs.SIGNED, None) is allowed


@pytest.mark.parametrize("needs", TABLE)
def test_without_a_bucket_nothing_else_is_allowed(needs):
    assert not may(OWNER, needs, None)


@pytest.mark.parametrize(("bucket_acl", "object_acl"), list(product(ACLS, ACLS)))
@pytest.mark.parametrize("who", NOT_OWNERS, ids=["other key", "anonymous"])
def test_an_objects_own_acl_decides_who_reads_it(who, bucket_acl, object_acl):
    allowed = object_acl != "private"

    assert may(who, Needs.GET, bucket(bucket_acl), entry(object_acl)) is allowed


@pytest.mark.parametrize(("bucket_acl", "object_acl"), list(product(ACLS, ACLS)))
def test_the_writer_reads_an_object_with_its_own_acl(bucket_acl, object_acl):
    assert may(WRITER, Needs.GET, bucket(bucket_acl), entry(object_acl))
    assert may(OWNER, Needs.GET, bucket(bucket_acl), entry(object_acl, owner="owner"))


@pytest.mark.parametrize(("acl", "allowed"), list(zip(ACLS, (False, True, True), strict=True)))
@pytest.mark.parametrize("who", [WRITER, *NOT_OWNERS], ids=["writer", "other key", "anonymous"])
def test_without_its_own_acl_an_object_is_as_open_as_its_bucket(who, acl, allowed):
    assert may(who, Needs.GET, bucket(acl), entry(None)) is allowed


@pytest.mark.parametrize("needs", [Needs.READ, Needs.WRITE, Needs.OWNER])
def test_an_objects_own_acl_opens_nothing_but_reading_it(needs):
    assert not may(OTHER, needs, bucket("private"), entry("public-read-write"))
    assert not may(WRITER, needs, bucket("private"), entry("public-read-write"))


def test_who_wrote_anonymously_is_nobody():
    """An empty owner must not match the empty id of every other anonymous caller."""
    assert not may(ANONYMOUS, Needs.GET, bucket("public-read"), entry("private", owner=""))
    assert not may(ANONYMOUS, Needs.OWNER, bucket("private", owner=""))
    assert may(OWNER, Needs.GET, bucket("public-read"), entry("private", owner=""))


@pytest.mark.parametrize(("needs", "acl"), list(product(TABLE, ACLS)))
@pytest.mark.parametrize("who", NOT_OWNERS, ids=["other key", "anonymous"])
def test_block_public_closes_every_public_acl(who, needs, acl):
    config = Config(block_public=True)

    assert not may(who, needs, bucket(acl), config=config)
    assert not may(who, Needs.GET, bucket(acl), entry("public-read"), config)


def test_block_public_leaves_owners_in():
    config = Config(block_public=True)

    assert may(OWNER, Needs.WRITE, bucket("private"), config=config)
    assert may(WRITER, Needs.GET, bucket("private"), entry("private"), config)
    assert may(OTHER, Needs.SIGNED, None, config=config)


def test_an_acl_nobody_knows_opens_nothing():
    assert not may(OTHER, Needs.READ, bucket("public-everything"))
    assert not may(OTHER, Needs.GET, bucket("public-read"), entry(""))

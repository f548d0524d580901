"""How access control lists are written: by headers, and as documents in and out.

Judges what was written, and who is meant; what a list lets whom do is ``gateway.access``.
"""

import re
from collections.abc import Iterator
from typing import Annotated

from gateway.config import Config
from gateway.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MalformedACLError,
    UnresolvableGrantByEmailAddress,
)
from gateway.naming import Owner, canonical_id, owner
from gateway.operation import Call
from gateway.policy.grants import MOST_GRANTS, Acl, CannedAcl, Group, Permission, named
from gateway.wire.shape import Shape, Xml
from store import records

HEADERS = {
    "x-amz-grant-read": Permission.READ,
    "x-amz-grant-write": Permission.WRITE,
    "x-amz-grant-read-acp": Permission.READ_ACP,
    "x-amz-grant-write-acp": Permission.WRITE_ACP,
    "x-amz-grant-full-control": Permission.FULL_CONTROL,
}
OF_BUCKETS = frozenset(CannedAcl)
"""Those that are meant for objects AWS ignores on a bucket."""
OF_OBJECTS = frozenset(CannedAcl) - {CannedAcl.LOG_DELIVERY_WRITE}
_GRANTEE = re.compile(
    r'\s*(?P<kind>id|uri|emailAddress)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^",\s]+))\s*(?:,|$)',
    re.IGNORECASE,
)


class Grantee(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Grantee.html"""

    type: Annotated[str | None, Xml("xsi:type", attribute=True)] = None
    id: Annotated[str | None, Xml("ID")] = None
    display_name: str | None = None
    email_address: str | None = None
    uri: Annotated[str | None, Xml("URI")] = None


class Grant(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Grant.html"""

    grantee: Grantee | None = None
    permission: str | None = None


class AccessControlPolicy(Shape, malformed=MalformedACLError):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AccessControlPolicy.html"""

    owner: Owner | None = None
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")] = ()


def in_headers(call: Call, canned: str | None, known: frozenset[CannedAcl]) -> Acl | None:
    """The ACL a request gives in its headers: ``canned`` (x-amz-acl), or grants.

    Raises ``InvalidArgument`` (none of ``known``, a grant that cannot be read, nobody has the id),
    ``InvalidRequest`` (both), ``UnresolvableGrantByEmailAddress``.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#setting-acls
    """
    headers = call.request.headers
    if HEADERS.keys().isdisjoint(headers.names):
        if canned is None:
            return None
        if canned not in known:
            raise InvalidArgument(ArgumentName="x-amz-acl", ArgumentValue=canned)
        return Acl(canned)
    if canned is not None:
        raise InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    given = tuple(
        records.Grant(permission, *_who(call, kind, value, kind))
        for name, permission in HEADERS.items()
        for text in headers.all(name)
        for kind, value in _grantees(name, text)
    )
    return Acl(grants=_limited(given))


def _grantees(header: str, text: str) -> Iterator[tuple[str, str]]:
    """``id="1f", uri=http://x`` -> (id, 1f), (uri, http://x)"""
    end = 0
    while end < len(text):
        found = _GRANTEE.match(text, end)
        if found is None:
            break
        yield found["kind"], found["quoted"] or found["plain"] or ""
        end = found.end()
    if end == 0 or end < len(text):
        raise InvalidArgument(
            "Argument format not recognized", ArgumentName=header, ArgumentValue=text
        )


def in_document(call: Call, policy: AccessControlPolicy, owner_key: str) -> Acl:
    """The ACL a document gives to what ``owner_key`` owns; canned, if its grants are one's.

    Raises ``MalformedACLError``, ``AccessDenied`` (it names another owner), and as ``in_headers``.
    """
    if policy.owner is None or not policy.owner.id:
        raise MalformedACLError
    if policy.owner.id != canonical_id(owner_key):
        raise AccessDenied
    given = _limited(tuple(_grant(call, grant, owner_key) for grant in policy.grants))
    return named(given, owner_key, call.bucket.owner)


_KINDS = {"CanonicalUser": "id", "Group": "uri", "AmazonCustomerByEmail": "email_address"}
_PLACES = {"id": "CanonicalUser/ID", "uri": "Group/URI", "email_address": "EmailAddress"}


def _grant(call: Call, grant: Grant, owner_key: str) -> records.Grant:
    grantee = grant.grantee
    if grantee is None or grantee.type not in _KINDS or grant.permission not in set(Permission):
        raise MalformedACLError
    kind = _KINDS[grantee.type]
    value: str | None = getattr(grantee, kind)
    if not value:
        raise MalformedACLError
    if value == canonical_id(owner_key):  # whose key may have been deleted since
        return records.Grant(grant.permission, owner_key)
    return records.Grant(grant.permission, *_who(call, kind, value, _PLACES[kind]))


def _limited(given: tuple[records.Grant, ...]) -> tuple[records.Grant, ...]:
    if len(given) > MOST_GRANTS:
        raise MalformedACLError(f"An ACL can have up to {MOST_GRANTS} grants.")
    return given


def _who(call: Call, kind: str, value: str, place: str) -> tuple[str, str]:
    """Access key id and group of a grantee; one is empty. ``place``: what it is called there."""
    match kind.lower():
        case "uri":
            if value not in set(Group):
                raise InvalidArgument("Invalid group uri", ArgumentName=place, ArgumentValue=value)
            return "", value
        case "id":
            key = call.keys.find_digest(value)
            if key is None:
                raise InvalidArgument("Invalid id", ArgumentName=place, ArgumentValue=value)
            return key, ""
        case _:
            return _by_email(call, value), ""


def _by_email(call: Call, address: str) -> str:
    for pair in call.config.emails:
        known, _, key = pair.rpartition("=")
        if known.lower() == address.lower() and call.keys.find(key) is not None:
            return key
    raise UnresolvableGrantByEmailAddress


def grants(acl: Acl, owner_key: str, bucket_owner: str, config: Config) -> tuple[Grant, ...]:
    """An ACL as the grants it stands for, the owner's first."""
    shown = acl.all(owner_key, bucket_owner)
    if config.differences.grants_to_groups_come_first:
        shown = tuple(sorted(shown, key=lambda each: each.group == ""))
    return tuple(Grant(grantee=_grantee(each), permission=each.permission) for each in shown)


def _grantee(grant: records.Grant) -> Grantee:
    if grant.group:
        return Grantee(type="Group", uri=grant.group)
    name = owner(grant.key)
    return Grantee(type="CanonicalUser", id=name.id, display_name=name.display_name)

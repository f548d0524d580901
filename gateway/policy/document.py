"""A bucket policy as its document says it: parsed and checked once, then only evaluated.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from gateway.policy import actions
from gateway.policy.conditions import Condition, conditions
from gateway.policy.errors import Malformed
from gateway.policy.principals import Principals, principals
from gateway.policy.wildcards import Pattern, pattern

CONFIG = "policy"
"""Its name among a bucket's documents."""
MAX_BYTES = 20 * 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html"""
CURRENT, OLD = "2012-10-17", "2008-10-17"
_MEMBERS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_MEMBERS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_RESOURCE = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)
_SYNTAX = "Policies must be valid JSON and the first byte must be '{'"


@dataclass(frozen=True)
class Listed:
    """Action or Resource, or its ``Not`` form: then everything but what is listed."""

    patterns: tuple[Pattern, ...]
    inverted: bool


@dataclass(frozen=True)
class Statement:
    """One statement."""

    sid: str
    allow: bool
    """Its effect; else Deny."""
    principals: Principals
    not_principals: bool
    """It is about everybody but its principals."""
    actions: Listed
    resources: Listed
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Policy:
    """A whole policy."""

    statements: tuple[Statement, ...]


@lru_cache(maxsize=512)
def parse(document: bytes, bucket: str) -> Policy:
    """The policy in a document for ``bucket``; equal documents are parsed once.

    Raises ``Malformed`` with AWS's text.
    """
    if len(document) > MAX_BYTES:
        raise Malformed(f"Policy exceeds the maximum allowed document size of {MAX_BYTES} bytes")
    body = _loaded(document)
    if unknown := sorted(body.keys() - _MEMBERS):
        raise Malformed(f"Unknown field {unknown[0]}")
    version = body.get("Version", OLD)
    if version not in (CURRENT, OLD):
        raise Malformed("The policy must contain a valid version string")
    if not isinstance(body.get("Id", ""), str):
        raise Malformed("Policy has an invalid Id")
    listed = body.get("Statement")
    listed = listed if isinstance(listed, list) else [listed]
    if not listed or listed == [None]:
        raise Malformed("Missing required field Statement")
    found = tuple(_statement(each, version == CURRENT, bucket) for each in listed)
    sids = [each.sid for each in found if each.sid]
    if len(sids) != len(set(sids)):
        raise Malformed("Statement IDs (SID) in a single policy must be unique.")
    return Policy(found)


def _loaded(document: bytes) -> dict[str, object]:
    try:
        body = json.loads(document.decode(), object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError:
        raise Malformed(_SYNTAX) from None
    except Malformed:
        raise
    except ValueError:
        raise Malformed(_SYNTAX) from None
    if not isinstance(body, dict):
        raise Malformed(_SYNTAX)
    return body


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A member given twice would mean one thing to us and another to the next reader."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("Duplicate keys are not allowed in a policy document")
    return found


def _refused(name: str) -> object:
    raise Malformed(_SYNTAX)


def _statement(body: object, variables: bool, bucket: str) -> Statement:
    if not isinstance(body, dict):
        raise Malformed("Statement must be a JSON object or a list of them")
    if unknown := sorted(body.keys() - _STATEMENT_MEMBERS):
        raise Malformed(f"Unknown field {unknown[0]}")
    sid = body.get("Sid", "")
    if not isinstance(sid, str):
        raise Malformed("Statement IDs (SID) must be strings")
    effect = _required(body, "Effect")
    if effect not in ("Allow", "Deny"):
        raise Malformed(f"Invalid effect: {effect}")
    who, not_who = _one_of(body, "Principal")
    if effect == "Allow" and not_who:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        raise Malformed("Allow with NotPrincipal is not allowed.")
    what, not_what = _one_of(body, "Action")
    where, not_where = _one_of(body, "Resource")
    return Statement(
        sid=sid,
        allow=effect == "Allow",
        principals=principals(who),
        not_principals=not_who,
        actions=Listed(tuple(map(_action, _texts(what, "action"))), not_what),
        resources=Listed(
            tuple(_resource(text, variables, bucket) for text in _texts(where, "resource")),
            not_where,
        ),
        conditions=conditions(body.get("Condition", {}), variables=variables),
    )


def _required(body: dict[str, object], name: str) -> object:
    if name not in body:
        raise Malformed(f"Missing required field {name}")
    return body[name]


def _one_of(body: dict[str, object], name: str) -> tuple[object, bool]:
    """The element or its ``Not`` form, and whether it is that."""
    inverted = f"Not{name}"
    if name in body and inverted in body:
        raise Malformed(f"Statement has both {name} and {inverted}")
    if inverted in body:
        return body[inverted], True
    return _required(body, name), False


def _texts(value: object, what: str) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    texts = [text for text in listed if isinstance(text, str) and text]
    if not texts or len(texts) != len(listed):
        raise Malformed(f"Policy has invalid {what}")
    return texts


def _action(text: str) -> Pattern:
    if not actions.known(text):
        raise Malformed("Policy has invalid action")
    return actions.action_pattern(text)


def _resource(text: str, variables: bool, bucket: str) -> Pattern:
    """An ARN in this bucket; ``*`` and wildcards in the name are as good, they reach no other."""
    if text != "*":
        arn = _RESOURCE.fullmatch(text)
        if arn is None:
            raise Malformed("Policy has invalid resource")
        name = pattern(arn["bucket"], variables=variables)
        if not name.variable and not name.matches(bucket, lambda _: None):
            raise Malformed("Policy has invalid resource")
    return pattern(text, variables=variables)

"""Principal and NotPrincipal: whom a statement is about.

An access key is the account root and the user of its own name: its id, an ARN of a user whose name
is its id (in any account and path), the root of an account called so, and its canonical id all
name it. ARNs of roles, services and federated users name nobody yet; they are kept as they are.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from dataclasses import dataclass

from gateway.naming import canonical_id
from gateway.policy.errors import Malformed

_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::(?P<account>[^:/*?]*):"
    r"(?:(?P<root>root)|user/(?:[^*?]*/)?(?P<user>[^/*?]+)"
    r"|(?:role|assumed-role|federated-user)/[^*?]+)"
)
_KEY_ID = re.compile(r"[A-Za-z0-9._~@+-]{3,128}")
_CANONICAL = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_OPAQUE = frozenset({"Federated", "Service"})
_INVALID = "Invalid principal in policy"


@dataclass(frozen=True, slots=True)
class Principals:
    """Whom a statement names."""

    everybody: bool = False
    """``"*"``: anonymous callers too."""
    ids: frozenset[str] = frozenset()
    canonical_ids: frozenset[str] = frozenset()

    def name(self, key_id: str) -> bool:
        """Whether the caller is one of them. ``key_id`` is empty for an anonymous caller."""
        if self.everybody:
            return True
        if not key_id:
            return False
        if key_id in self.ids:
            return True
        return bool(self.canonical_ids) and canonical_id(key_id) in self.canonical_ids


def principals(value: object) -> Principals:
    """From the JSON value of the element. Raises ``Malformed``."""
    if value == "*":
        return Principals(everybody=True)
    if not isinstance(value, dict) or not value:
        raise Malformed(_INVALID)
    everybody, ids, canonical = False, set(), set()
    for kind, listed in value.items():
        names = listed if isinstance(listed, list) else [listed]
        if not names or not all(isinstance(name, str) and name for name in names):
            raise Malformed(_INVALID)
        if kind == "AWS":
            everybody = everybody or "*" in names
            ids |= {_id(name) for name in names if name != "*"}
        elif kind == "CanonicalUser":
            if not all(_CANONICAL.fullmatch(name) for name in names):
                raise Malformed(_INVALID)
            canonical |= set(names)
        elif kind not in _OPAQUE:
            raise Malformed(_INVALID)
    return Principals(everybody, frozenset(ids - {""}), frozenset(canonical))


def _id(name: str) -> str:
    """The access key that is meant; empty for what is none of ours."""
    if not name.startswith("arn:"):
        if not _KEY_ID.fullmatch(name):
            raise Malformed(_INVALID)
        return name
    arn = _ARN.fullmatch(name)
    if arn is None:
        raise Malformed(_INVALID)
    return (arn["account"] if arn["root"] else arn["user"]) or ""

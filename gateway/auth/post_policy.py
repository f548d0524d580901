"""The policy of a browser's form: what its signer lets others upload, until when. Pure.

Who signed it is ``verify``'s question.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html

    {"expiration": "2007-12-01T12:00:00.000Z",
     "conditions": [{"bucket": "photos"}, ["starts-with", "$key", "user/eric/"],
                    ["content-length-range", 1, 1048576]]}
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from gateway.errors import AccessDenied, InvalidPolicyDocument

EXEMPT = frozenset({"awsaccesskeyid", "policy", "signature", "x-amz-signature"})
"""Fields (in lower case) that need no condition: they come with the policy, or are what it says."""
LENGTH = "content-length-range"

_expiration = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII).fullmatch
_size = re.compile(r"\d{1,18}", re.ASCII).fullmatch
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class Condition(Struct, frozen=True):
    operator: str
    """``eq`` or ``starts-with``."""
    field: str
    """In lower case."""
    value: str

    def holds(self, given: str | None) -> bool:
        """A field that is not there meets no condition."""
        if given is None:
            return False
        if self.operator == "eq":
            return given == self.value
        # A list of types is judged type by type: else image/gif,text/html would be an image.
        values = given.split(",") if self.field == "content-type" else [given]
        return all(each.strip().startswith(self.value) for each in values)

    def __str__(self) -> str:
        return json.dumps([self.operator, f"${self.field}", self.value])


class PostPolicy(Struct, frozen=True):
    expiration: datetime
    conditions: tuple[Condition, ...]
    least: int
    """Bytes of the file."""
    most: int | None

    def check(
        self,
        fields: Mapping[str, str],
        bucket: str,
        now: datetime,
        *,
        absent: str | None = None,
    ) -> None:
        """Raises ``AccessDenied`` unless the form is what was signed for, in time.

        ``fields``: lower-case names to values. Each must have its condition, and so must the
        bucket, or a form for one would do for all. ``absent`` is what a field is judged as that is
        not there; ``None``: it meets no condition.
        """
        if now > self.expiration:
            raise _refused("Policy expired.")
        judged = {**fields, "bucket": bucket}
        for each in self.conditions:
            if not each.holds(judged.get(each.field, absent)):
                raise _refused(f"Policy Condition failed: {each}")
        named = EXEMPT.union([each.field for each in self.conditions])
        # A checksum lets nobody upload what they could not without it; RGW's forms count on that.
        extra = [name for name in judged.keys() - named if not name.startswith("x-amz-checksum-")]
        if extra:
            raise _refused(f"Extra input fields: {', '.join(sorted(extra))}")


def read(text: str) -> PostPolicy:
    """The policy in a form's field, base64. Raises ``InvalidPolicyDocument``.

    ``expiration`` and ``conditions`` mind their case; operators and names of fields do not.
    """
    document = _document(text)
    if unknown := document.keys() - {"expiration", "conditions"}:
        raise _invalid(f"Unexpected: '{min(unknown)}'")
    if "expiration" not in document:
        raise _invalid("Policy missing expiration.")
    if not isinstance(document.get("conditions"), list):
        raise _invalid("Policy missing conditions.")
    conditions: list[Condition] = []
    least, most = 0, None
    for each in document["conditions"]:
        if isinstance(each, list) and each and str(each[0]).lower() == LENGTH:
            low, high = _length(each)
            least, most = max(least, low), high if most is None else min(most, high)
        else:
            conditions.append(_condition(each))
    return PostPolicy(_moment(document["expiration"]), tuple(conditions), least, most)


def _document(text: str) -> dict[str, Any]:
    try:
        written = base64.b64decode("".join(text.split()), validate=True).decode()
        # AWS has \$ for a dollar sign, which JSON has not.
        plain = _ESCAPE.sub(lambda found: "$" if found[1] == "$" else found[0], written)
        document = json.loads(plain)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _invalid("Invalid JSON.") from error
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    return document


def _moment(text: object) -> datetime:
    if isinstance(text, str) and _expiration(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise _invalid(f"Invalid 'expiration' value: '{text}'")


def _condition(written: object) -> Condition:
    if isinstance(written, dict):
        if len(written) != 1:
            raise _invalid(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property"
                " specified."
            )
        ((name, value),) = written.items()
        if not isinstance(value, str):
            raise _invalid("Invalid Simple-Condition: value must be a string.")
        return Condition("eq", name.lower(), value)
    if not isinstance(written, list) or not all(isinstance(each, str) for each in written):
        raise _invalid("Invalid Condition.")
    operator = written[0].lower() if written else ""
    if operator not in ("eq", "starts-with"):
        raise _invalid(f"Invalid Condition: unknown operation '{operator}'.")
    if len(written) != 3 or not written[1].startswith("$"):
        raise _invalid(f"Invalid {operator} Condition: expecting a $field and a value.")
    return Condition(operator, written[1][1:].lower(), written[2])


def _length(written: list[object]) -> tuple[int, int]:
    bounds = [str(each) for each in written[1:] if not isinstance(each, bool)]
    if len(written) != 3 or len(bounds) != 2 or not all(map(_size, bounds)):
        raise _invalid(f"Invalid {LENGTH}: expecting two sizes in bytes.")
    return int(bounds[0]), int(bounds[1])


def _refused(detail: str) -> AccessDenied:
    return AccessDenied(f"Invalid according to Policy: {detail}")


def _invalid(detail: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {detail}")

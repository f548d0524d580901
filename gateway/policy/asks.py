"""A request in the words of the policy language: what it asks to do, to what, and its facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.policy.actions import needed
from gateway.policy.evaluate import Question
from gateway.policy.facts import Facts
from gateway.request import Request

_MANY = frozenset({"DeleteObjects"})
"""Operations on many objects at once, each a question of its own."""


@dataclass(frozen=True, slots=True)
class Asks:
    """All of ``actions`` on one resource of a bucket: the object ``key``, or the bucket itself."""

    actions: tuple[str, ...]
    key: str | None
    facts: Facts
    each: bool = False
    """Objects will be asked about one by one: for now, could any of it be allowed?"""

    def questions(self, bucket: str) -> tuple[Question, ...]:
        arn = f"arn:aws:s3:::{bucket}"
        resource = arn if self.key is None else f"{arn}/{self.key}"
        key_id, values = self.facts.key_id, self.facts.values
        return tuple(Question(key_id, action, resource, values) for action in self.actions)

    def listing(self, bucket: str) -> Question:
        """May the caller see in a listing whether this key is there?

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (404 or 403)
        """
        facts = replace(self.facts, prefix=self.key)
        return Question(facts.key_id, "s3:ListBucket", f"arn:aws:s3:::{bucket}", facts.values)


def asks(
    operation: str,
    request: Request,
    key_id: str,
    now: datetime,
    tags: Callable[[], Mapping[str, str]],
) -> Asks:
    """``operation``: its name in AWS's model. ``key_id`` is empty for an anonymous caller."""
    actions = needed(operation, dict(request.headers.pairs), "versionId" in request.query)
    return Asks(actions, request.key, Facts(request, key_id, now, tags), operation in _MANY)

"""A request in the words of the policy language: what it asks to do, to what, and its facts."""

from dataclasses import dataclass, replace

from gateway.policy.actions import needed
from gateway.policy.evaluate import Question
from gateway.policy.facts import Facts

_LATER = frozenset({"DeleteObjects", "PutObjectTagging"})
"""Operations whose body says what is asked for: their handlers ask again when they have read it."""


@dataclass(frozen=True, slots=True)
class Asks:
    """All of ``actions`` on one resource of a bucket: the object ``key``, or the bucket itself."""

    actions: tuple[str, ...]
    key: str | None
    facts: Facts
    missing: bool = False
    """The object is to be read, and is not there."""
    later: bool = False
    """It is asked again when the body has been read: for now, could any of it be allowed?"""

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


def asks(operation: str, facts: Facts, *, missing: bool) -> Asks:
    """``operation``: its name in AWS's model."""
    request = facts.request
    actions = needed(operation, dict(request.headers.pairs), "versionId" in request.query)
    return Asks(actions, request.key, facts, missing, operation in _LATER)

"""A request in the words of the policy language: what it asks to do, to what, and its facts."""

from dataclasses import dataclass, replace

from gateway.naming import canonical_id
from gateway.policy.actions import needed
from gateway.policy.evaluate import Question
from gateway.policy.facts import Facts
from gateway.policy.grants import BUCKET_OWNERS

_LATER = frozenset(
    {"DeleteObjects", "PutObjectLegalHold", "PutObjectRetention", "PutObjectTagging"}
)
"""Operations whose body says what is asked for: their handlers ask again when they have read it."""

_ACL = ("x-amz-acl", "x-amz-grant-")


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


def asks(operation: str, facts: Facts, *, owner: str, missing: bool) -> Asks:
    """``operation``: its name in AWS's model. ``owner``: the bucket's, as access key id."""
    request = facts.request
    pairs = request.headers.pairs
    if all(_is_owners(name, value, owner) for name, value in pairs if name.startswith(_ACL)):
        # Whoever may put objects may give them to the bucket's owner, as AWS's examples do:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
        pairs = [pair for pair in pairs if not pair[0].startswith(_ACL)]
    actions = needed(operation, dict(pairs), "versionId" in request.query)
    return Asks(actions, request.key, facts, missing, operation in _LATER)


def _is_owners(name: str, value: str, owner: str) -> bool:
    """Such a header gives rights to nobody but the bucket's owner."""
    if name == "x-amz-acl":
        return value in BUCKET_OWNERS
    return value.replace('"', "").strip() == f"id={canonical_id(owner)}"

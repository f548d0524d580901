"""A bucket's ownership controls: whose the objects of other keys are, and whether ACLs count.

Without any, a bucket is as ``ObjectWriter``: ACLs count, and who writes an object owns it.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from gateway.wire.kept import kept
from gateway.wire.shape import Shape, Xml

CONFIG = "ownership_controls"
"""Its name among a bucket's documents."""


class Ownership(StrEnum):
    BUCKET_OWNER_PREFERRED = "BucketOwnerPreferred"
    OBJECT_WRITER = "ObjectWriter"
    BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"


class OwnershipControlsRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_OwnershipControlsRule.html"""

    object_ownership: Ownership


class OwnershipControls(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_OwnershipControls.html"""

    rules: Annotated[tuple[OwnershipControlsRule, ...], Xml("Rule")]


def ownership(documents: Mapping[str, bytes]) -> Ownership:
    """By a bucket's configuration. Cheap: read once."""
    if CONFIG not in documents:
        return Ownership.OBJECT_WRITER
    controls = kept(OwnershipControls, documents, CONFIG)
    return controls.rules[0].object_ownership if controls else Ownership.OBJECT_WRITER


def enforced(documents: Mapping[str, bytes]) -> bool:
    """The bucket's owner owns all of it, and no ACL opens anything."""
    return ownership(documents) is Ownership.BUCKET_OWNER_ENFORCED

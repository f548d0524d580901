"""A bucket's default encryption: what it says, and what it makes of an object nobody said it of.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html
"""

from collections.abc import Mapping
from typing import Annotated

from gateway.wire.kept import kept
from gateway.wire.shape import Shape, Xml

CONFIG = "encryption"
"""Its name among a bucket's documents."""


class ServerSideEncryptionByDefault(Shape):
    sse_algorithm: Annotated[str, Xml("SSEAlgorithm")]
    kms_master_key_id: Annotated[str | None, Xml("KMSMasterKeyID")] = None


class BlockedEncryptionTypes(Shape):
    encryption_type: tuple[str, ...] = ()


class Rule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionRule.html"""

    apply_server_side_encryption_by_default: ServerSideEncryptionByDefault | None = None
    bucket_key_enabled: bool | None = None
    blocked_encryption_types: BlockedEncryptionTypes | None = None


class ServerSideEncryptionConfiguration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ServerSideEncryptionConfiguration.html"""

    rules: Annotated[tuple[Rule, ...], Xml("Rule")]


def rule(documents: Mapping[str, bytes]) -> Rule | None:
    """The one rule of a bucket's configuration. Cheap: read once."""
    if CONFIG not in documents:
        return None
    found = kept(ServerSideEncryptionConfiguration, documents, CONFIG)
    return found.rules[0] if found and found.rules else None

"""A bucket's public access block, as it narrows what its ACL and policy open.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PublicAccessBlockConfiguration.html
"""

from collections.abc import Mapping

from gateway.wire.kept import kept
from gateway.wire.shape import Shape

CONFIG = "public_access_block"
"""Its name among a bucket's documents."""


class PublicAccessBlockConfiguration(Shape):
    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


NONE = PublicAccessBlockConfiguration()


def blocks(documents: Mapping[str, bytes]) -> PublicAccessBlockConfiguration:
    """What is blocked, by a bucket's configuration. Cheap: read once."""
    if CONFIG not in documents:
        return NONE
    return kept(PublicAccessBlockConfiguration, documents, CONFIG) or NONE

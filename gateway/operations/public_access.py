"""A bucket's public access block: put, get, delete. What it does is in ``gateway.access``."""

from typing import Annotated

from gateway.errors import NoSuchPublicAccessBlockConfiguration
from gateway.operation import Call
from gateway.policy.blocks import CONFIG, PublicAccessBlockConfiguration
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape


class PutPublicAccessBlockInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    public_access_block_configuration: Annotated[PublicAccessBlockConfiguration, Payload()]


class PutPublicAccessBlockOutput(Shape):
    """Nothing: 200."""


async def put_public_access_block(
    call: Call, ask: PutPublicAccessBlockInput
) -> PutPublicAccessBlockOutput:
    """Say which public access is blocked; what is not named is not.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutPublicAccessBlock.html
    """
    document = keep(ask.public_access_block_configuration)
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutPublicAccessBlockOutput()


class GetPublicAccessBlockInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetPublicAccessBlockOutput(Shape):
    public_access_block_configuration: Annotated[PublicAccessBlockConfiguration, Payload()]


async def get_public_access_block(
    call: Call, ask: GetPublicAccessBlockInput
) -> GetPublicAccessBlockOutput:
    """What is blocked. Raises ``NoSuchPublicAccessBlockConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html
    """
    block = kept(PublicAccessBlockConfiguration, call.bucket.config, CONFIG)
    if block is None:
        raise NoSuchPublicAccessBlockConfiguration(BucketName=ask.bucket)
    return GetPublicAccessBlockOutput(public_access_block_configuration=block)


class DeletePublicAccessBlockInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeletePublicAccessBlockOutput(Shape):
    """Nothing: 204."""


async def delete_public_access_block(
    call: Call, ask: DeletePublicAccessBlockInput
) -> DeletePublicAccessBlockOutput:
    """Block nothing any more; having blocked nothing is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeletePublicAccessBlockOutput()

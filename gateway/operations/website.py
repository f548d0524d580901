"""A bucket's website configuration: put, get, delete. What it does is in ``gateway.website``."""

from typing import Annotated

from gateway.errors import NoSuchWebsiteConfiguration
from gateway.operation import Call
from gateway.website.configuration import (
    CONFIG,
    WebsiteConfiguration,
    check,
)
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape


class PutBucketWebsiteInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    website_configuration: Annotated[WebsiteConfiguration, Payload()]


class PutBucketWebsiteOutput(Shape):
    """Nothing: 200."""


async def put_bucket_website(call: Call, ask: PutBucketWebsiteInput) -> PutBucketWebsiteOutput:
    """Make the bucket a website, on the hosts of ``website_domains``. Raises as ``check``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html
    """
    check(ask.website_configuration)
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(ask.website_configuration))
    return PutBucketWebsiteOutput()


class GetBucketWebsiteInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketWebsiteOutput(WebsiteConfiguration, root="WebsiteConfiguration"):
    pass


async def get_bucket_website(call: Call, ask: GetBucketWebsiteInput) -> GetBucketWebsiteOutput:
    """The website as it was configured. Raises ``NoSuchWebsiteConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketWebsite.html
    """
    found = kept(WebsiteConfiguration, call.bucket.config, CONFIG)
    if found is None:
        raise NoSuchWebsiteConfiguration(BucketName=ask.bucket)
    return GetBucketWebsiteOutput(
        error_document=found.error_document,
        index_document=found.index_document,
        redirect_all_requests_to=found.redirect_all_requests_to,
        routing_rules=found.routing_rules,
    )


class DeleteBucketWebsiteInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketWebsiteOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_website(
    call: Call, ask: DeleteBucketWebsiteInput
) -> DeleteBucketWebsiteOutput:
    """The bucket is no website any more; being none is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketWebsite.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketWebsiteOutput()

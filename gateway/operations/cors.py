"""A bucket's CORS rules: put, get, delete. What they do is in ``gateway.cors``."""

from typing import Annotated

from gateway.bucket_cors import CONFIG, CorsConfiguration, CorsRule, check
from gateway.errors import NoSuchCORSConfiguration
from gateway.operation import Call
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape, Xml


class PutBucketCorsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    cors_configuration: Annotated[CorsConfiguration, Payload()]


class PutBucketCorsOutput(Shape):
    """Nothing: 200."""


async def put_bucket_cors(call: Call, ask: PutBucketCorsInput) -> PutBucketCorsOutput:
    """Give the bucket these rules in place of all it had. Raises as ``bucket_cors.check``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
    """
    check(ask.cors_configuration)
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(ask.cors_configuration))
    return PutBucketCorsOutput()


class GetBucketCorsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketCorsOutput(Shape, root="CORSConfiguration"):
    cors_rules: Annotated[tuple[CorsRule, ...], Xml("CORSRule")]


async def get_bucket_cors(call: Call, ask: GetBucketCorsInput) -> GetBucketCorsOutput:
    """The bucket's rules. Raises ``NoSuchCORSConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html
    """
    configuration = kept(CorsConfiguration, call.bucket.config, CONFIG)
    if configuration is None:
        raise NoSuchCORSConfiguration(BucketName=ask.bucket)
    return GetBucketCorsOutput(cors_rules=configuration.cors_rules)


class DeleteBucketCorsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketCorsOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_cors(call: Call, ask: DeleteBucketCorsInput) -> DeleteBucketCorsOutput:
    """Remove the bucket's rules; having none is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketCors.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketCorsOutput()

"""A bucket's default encryption: put, get, delete; and another KMS key for what is encrypted."""

from typing import Annotated

from msgspec.structs import replace

from gateway.encryption.defaults import CONFIG, ServerSideEncryptionConfiguration
from gateway.encryption.object_keys import KMS, SSE_S3, kms_key, place, unwrapped
from gateway.errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    ServerSideEncryptionConfigurationNotFoundError,
)
from gateway.operation import Call
from gateway.operations.named_version import current
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Query, Shape, Xml
from store.records import Encryption


class PutBucketEncryptionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    server_side_encryption_configuration: Annotated[ServerSideEncryptionConfiguration, Payload()]


class PutBucketEncryptionOutput(Shape):
    """Nothing: 200."""


async def put_bucket_encryption(
    call: Call, ask: PutBucketEncryptionInput
) -> PutBucketEncryptionOutput:
    """Say how objects are encrypted from now on of which the request says nothing.

    Raises ``MalformedXML`` (not exactly one rule, an algorithm nobody knows), ``InvalidArgument``
    (a KMS key for an algorithm without).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketEncryption.html
    """
    configuration = ask.server_side_encryption_configuration
    if len(configuration.rules) != 1:
        raise MalformedXML
    default = configuration.rules[0].apply_server_side_encryption_by_default
    if default is not None:
        if default.sse_algorithm not in (SSE_S3, *KMS):
            raise MalformedXML
        if default.sse_algorithm == SSE_S3 and default.kms_master_key_id is not None:
            raise InvalidArgument(
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
                "aws:kms:dsse",
                ArgumentName="KMSMasterKeyID",
                ArgumentValue=default.kms_master_key_id,
            )
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(configuration))
    return PutBucketEncryptionOutput()


class GetBucketEncryptionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketEncryptionOutput(Shape):
    server_side_encryption_configuration: Annotated[ServerSideEncryptionConfiguration, Payload()]


async def get_bucket_encryption(
    call: Call, ask: GetBucketEncryptionInput
) -> GetBucketEncryptionOutput:
    """The bucket's default. Raises ``ServerSideEncryptionConfigurationNotFoundError``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
    """
    found = kept(ServerSideEncryptionConfiguration, call.bucket.config, CONFIG)
    if found is None:
        raise ServerSideEncryptionConfigurationNotFoundError(BucketName=ask.bucket)
    return GetBucketEncryptionOutput(server_side_encryption_configuration=found)


class DeleteBucketEncryptionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketEncryptionOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_encryption(
    call: Call, ask: DeleteBucketEncryptionInput
) -> DeleteBucketEncryptionOutput:
    """Remove the default; having none is not an error. What is encrypted stays so.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketEncryption.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketEncryptionOutput()


class SSEKMSEncryption(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_SSEKMSEncryption.html"""

    kms_key_arn: Annotated[str, Xml("KMSKeyArn")]
    bucket_key_enabled: bool | None = None


class ObjectEncryption(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectEncryption.html"""

    ssekms: Annotated[SSEKMSEncryption | None, Xml("SSE-KMS")] = None


class UpdateObjectEncryptionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    object_encryption: Annotated[ObjectEncryption, Payload()]
    version_id: Annotated[str | None, Query("versionId")] = None


class UpdateObjectEncryptionOutput(Shape):
    """Nothing: 200."""


async def update_object_encryption(
    call: Call, ask: UpdateObjectEncryptionInput
) -> UpdateObjectEncryptionOutput:
    """Wrap the key of an object by another KMS key. No byte is moved, and the ETag stays.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html

    Raises ``NoSuchKey``, ``NoSuchVersion``, ``MalformedXML``, ``KmsNotFound``, ``InvalidRequest``
    (the object is not encrypted, or with a key of the client's, or twice), ``Locked``.
    """
    wanted = ask.object_encryption.ssekms
    if wanted is None:
        raise MalformedXML
    entry = current(call, ask.key, ask.version_id)
    old = entry.attributes.encryption
    if old is None or old.kind not in (SSE_S3, "aws:kms"):
        raise InvalidRequest(
            "Only objects encrypted with SSE-S3 or SSE-KMS can be given another encryption."
        )
    new = Encryption(
        "aws:kms",
        b"",
        stored=old.stored,
        key_id=wanted.kms_key_arn,
        bucket_key=wanted.bucket_key_enabled or None,
    )
    wrapping = await kms_key(call, wanted.kms_key_arn)
    data = await unwrapped(call, entry.bucket, old, None)
    new = replace(new, wrapped=wrapping.wrap(data, place(entry.bucket, new)))
    await call.store.set_attributes(entry, replace(entry.attributes, encryption=new))
    return UpdateObjectEncryptionOutput()

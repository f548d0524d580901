"""The header fields of encryption, as members of the shapes that have them."""

from dataclasses import field
from typing import Annotated

from gateway.wire.shape import Header, Shape

CIPHERTEXT = "ciphertext"


class CustomerKey(Shape):
    """The client's own key (SSE-C), to store with or to read with.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
    """

    sse_customer_algorithm: Annotated[
        str | None, Header("x-amz-server-side-encryption-customer-algorithm")
    ] = None
    sse_customer_key: Annotated[str | None, Header("x-amz-server-side-encryption-customer-key")] = (
        field(default=None, repr=False)
    )
    sse_customer_key_md5: Annotated[
        str | None, Header("x-amz-server-side-encryption-customer-key-MD5")
    ] = None


class SourceCustomerKey(Shape):
    """The client's own key of the source of a copy."""

    copy_source_sse_customer_algorithm: Annotated[
        str | None, Header("x-amz-copy-source-server-side-encryption-customer-algorithm")
    ] = None
    copy_source_sse_customer_key: Annotated[
        str | None, Header("x-amz-copy-source-server-side-encryption-customer-key")
    ] = field(default=None, repr=False)
    copy_source_sse_customer_key_md5: Annotated[
        str | None, Header("x-amz-copy-source-server-side-encryption-customer-key-MD5")
    ] = None


class Encrypting(CustomerKey):
    """How a client wants an object encrypted that it makes: by Put, Copy or CreateMultipartUpload.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
    """

    server_side_encryption: Annotated[str | None, Header("x-amz-server-side-encryption")] = None
    sse_kms_key_id: Annotated[str | None, Header("x-amz-server-side-encryption-aws-kms-key-id")] = (
        None
    )
    sse_kms_context: Annotated[str | None, Header("x-amz-server-side-encryption-context")] = None
    bucket_key_enabled: Annotated[
        bool | None, Header("x-amz-server-side-encryption-bucket-key-enabled")
    ] = None


class CidOf(Shape):
    """What the CID in the same answer is the hash of, where that is not the plaintext."""

    cid_of: Annotated[str | None, Header("Cid-Of")] = None
    """``ciphertext``"""


class Encrypted(Shape):
    """What is told of an object that is encrypted."""

    server_side_encryption: Annotated[str | None, Header("x-amz-server-side-encryption")] = None
    sse_kms_key_id: Annotated[str | None, Header("x-amz-server-side-encryption-aws-kms-key-id")] = (
        None
    )
    bucket_key_enabled: Annotated[
        bool | None, Header("x-amz-server-side-encryption-bucket-key-enabled")
    ] = None
    sse_customer_algorithm: Annotated[
        str | None, Header("x-amz-server-side-encryption-customer-algorithm")
    ] = None
    sse_customer_key_md5: Annotated[
        str | None, Header("x-amz-server-side-encryption-customer-key-MD5")
    ] = None


class EncryptedInContext(Encrypted):
    """As whoever makes an object is told."""

    sse_kms_context: Annotated[str | None, Header("x-amz-server-side-encryption-context")] = None

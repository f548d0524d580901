"""The policy of a bucket: put, read, drop, and whether it makes the bucket public.

What a policy means is in ``gateway.policy``, what it lets anybody do in ``gateway.access``.
"""

from typing import Annotated

from gateway.access import holding
from gateway.auth.body import GuardedBody
from gateway.errors import AccessDenied, MalformedPolicy, NoSuchBucketPolicy
from gateway.operation import Call
from gateway.policy.blocks import blocks
from gateway.policy.document import CONFIG, MAX_BYTES, Policy, parse
from gateway.policy.errors import Malformed
from gateway.policy.public import is_public
from gateway.wire.shape import Header, Label, Payload, Shape, Status

_MOST_BYTES = 64 * 1024
"""Read at most, so that a document that is somewhat too large is told so in a policy's words."""


class PutBucketPolicyInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    policy: Annotated[GuardedBody, Payload()]
    confirm_remove_self_bucket_access: Annotated[
        bool, Header("x-amz-confirm-remove-self-bucket-access")
    ] = False


class PutBucketPolicyOutput(Shape):
    """Nothing: 204, as AWS answers, though its model says 200."""

    status: Annotated[int, Status()] = 204


async def put_bucket_policy(call: Call, ask: PutBucketPolicyInput) -> PutBucketPolicyOutput:
    """Give the bucket this policy in place of the one it had; it holds from the next request on.

    The owner keeps the right to read, put and drop the policy whatever it says, so there is
    nothing to confirm.

    Raises ``MalformedPolicy``; ``AccessDenied`` for a public policy where those are blocked.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """
    document = await ask.policy.read(_MOST_BYTES)
    policy = _parsed(document, call.bucket.name)
    blocked = call.config.block_public or blocks(call.bucket.config).block_public_policy
    if blocked and is_public(policy):
        raise AccessDenied(
            "Public policies are prevented by the BlockPublicPolicy setting in S3 Block Public "
            "Access."
        )
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketPolicyOutput()


def _parsed(document: bytes, bucket: str) -> Policy:
    assert MAX_BYTES < _MOST_BYTES
    try:
        return parse(document, bucket)
    except Malformed as error:
        raise MalformedPolicy(str(error)) from error


class GetBucketPolicyInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketPolicyOutput(Shape):
    policy: Annotated[bytes, Payload()]
    content_type: Annotated[str, Header("Content-Type")] = "application/json"


async def get_bucket_policy(call: Call, ask: GetBucketPolicyInput) -> GetBucketPolicyOutput:
    """The policy, byte by byte as it was put. Raises ``NoSuchBucketPolicy``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html
    """
    document = call.bucket.config.get(CONFIG)
    if document is None:
        raise NoSuchBucketPolicy(BucketName=call.bucket.name)
    return GetBucketPolicyOutput(policy=document)


class DeleteBucketPolicyInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketPolicyOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_policy(
    call: Call, ask: DeleteBucketPolicyInput
) -> DeleteBucketPolicyOutput:
    """Drop the policy; having none is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketPolicyOutput()


class PolicyStatus(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PolicyStatus.html"""

    is_public: bool


class GetBucketPolicyStatusInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketPolicyStatusOutput(Shape):
    policy_status: Annotated[PolicyStatus, Payload()]


async def get_bucket_policy_status(
    call: Call, ask: GetBucketPolicyStatusInput
) -> GetBucketPolicyStatusOutput:
    """Whether the bucket is public by its policy, as far as that is not blocked.

    A bucket without a policy has a status, too.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html
    """
    return GetBucketPolicyStatusOutput(policy_status=PolicyStatus(is_public=_open(call)))


def _open(call: Call) -> bool:
    bucket, blocked = call.bucket, blocks(call.bucket.config)
    if call.config.block_public:
        return False
    if call.config.differences.acl_counts_for_policy_status and not blocked.ignore_public_acls:
        _, acl = holding(bucket, None, call.config)
        if acl.public:
            return True
    document = bucket.config.get(CONFIG)
    if document is None or blocked.restrict_public_buckets:
        return False
    return is_public(_parsed(document, bucket.name))

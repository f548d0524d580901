"""Requester pays: who has to agree to pay before a bucket answers. Pure; nobody is ever charged.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html
"""

from enum import StrEnum

from gateway.access import Caller
from gateway.errors import AccessDenied
from gateway.request import Request
from gateway.wire.kept import kept
from gateway.wire.shape import Shape
from store.records import Bucket

CONFIG = "requestPayment"
CHARGED = ("x-amz-request-charged", "requester")
"""The header field of an answer that the requester paid for."""
_AGREED = "requester"
_FIELD = "x-amz-request-payer"


class Payer(StrEnum):
    REQUESTER = "Requester"
    BUCKET_OWNER = "BucketOwner"


class RequestPaymentConfiguration(Shape, root="RequestPaymentConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RequestPaymentConfiguration.html"""

    payer: Payer


def payer(bucket: Bucket) -> Payer:
    said = kept(RequestPaymentConfiguration, bucket.config, CONFIG)
    return said.payer if said else Payer.BUCKET_OWNER


def requester_pays(bucket: Bucket, caller: Caller, request: Request) -> bool:
    """Does the caller pay for this? Raises ``AccessDenied`` when it should but has not agreed.

    The owner never does; who is anonymous cannot. Presigned URLs say it in the query.
    """
    if payer(bucket) is Payer.BUCKET_OWNER or caller.id == bucket.owner:
        return False
    agreed = request.headers.get(_FIELD)
    if agreed is None and _FIELD in request.query:
        agreed = request.query[_FIELD]
    if not caller.id or agreed != _AGREED:
        raise AccessDenied
    return True

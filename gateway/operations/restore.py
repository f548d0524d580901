"""RestoreObject where there is one tier: what says it is archived can be read all the same."""

from enum import StrEnum
from typing import Annotated

from gateway.errors import InvalidArgument, InvalidObjectState, S3NotImplemented
from gateway.operation import Call
from gateway.operations.members import STANDARD
from gateway.operations.named_version import current
from gateway.wire.shape import Label, Payload, Query, Shape
from store.records import STORAGE_CLASS

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
SELECT = "SELECT"


class Tier(StrEnum):
    STANDARD = "Standard"
    BULK = "Bulk"
    EXPEDITED = "Expedited"


class GlacierJobParameters(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GlacierJobParameters.html"""

    tier: Tier


class RestoreRequest(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreRequest.html"""

    days: int | None = None
    glacier_job_parameters: GlacierJobParameters | None = None
    type: str | None = None
    tier: Tier | None = None
    description: str | None = None


class RestoreObjectInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    restore_request: Annotated[RestoreRequest, Payload()]


class RestoreObjectOutput(Shape):
    """Nothing: 200, as AWS answers when it has restored the object before."""


async def restore_object(call: Call, ask: RestoreObjectInput) -> RestoreObjectOutput:
    """Nothing has to be done: objects of every storage class can be read at any time.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html

    Raises ``NoSuchKey``, ``NoSuchVersion``, ``InvalidArgument``, ``InvalidObjectState`` (it is in
    no archive), ``S3NotImplemented`` (a query in place of the object).
    """
    if ask.restore_request.type == SELECT:
        raise S3NotImplemented("Queries of archived objects are not supported.")
    days = ask.restore_request.days
    if days is None or days < 1:
        raise InvalidArgument(ArgumentName="Days", ArgumentValue="" if days is None else days)
    kept = current(call, ask.key, ask.version_id).attributes
    storage_class = kept.headers.get(STORAGE_CLASS, STANDARD)
    if storage_class not in ARCHIVED:
        text = "Restore is not allowed for the object's current storage class"
        raise InvalidObjectState(text, StorageClass=storage_class)
    return RestoreObjectOutput()

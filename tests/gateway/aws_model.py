"""AWS's own model of S3, as botocore ships it, beside our rows and shapes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape
from botocore.model import Shape as ModelShape

from gateway.operation import Operation
from gateway.wire.shape import (
    Header,
    Label,
    Member,
    Payload,
    PrefixHeaders,
    Query,
    Shape,
    Status,
    Xml,
    is_shape,
)

MODEL = ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")

DEVIATIONS = {
    "*.cid": "the content hash: BTIP-25, and https://docs.ipfs.tech/concepts/content-addressing/",
    "*.cid_of": "as cid: of an encrypted object it is that of the ciphertext",
    "*.status": "206 and 200 are one operation in the model",
    "*.expires": "any text is kept and given back as it was said; the model wants a date",
    "*.response_expires": "as expires",
    "*.body": "a request always has a body, if an empty one",
    "GetBucketLocation.location_constraint": "the root's own text, which the model cannot say",
    "PutBucketAcl.access_control_policy.grants.grantee.type": "judged with the grant",
    "PutObjectAcl.access_control_policy.grants.grantee.type": "judged with the grant",
    "CompleteMultipartUpload.multipart_upload": "an upload cannot be completed without parts",
    "CompleteMultipartUpload.multipart_upload.parts.etag": "a part cannot be named without it",
    "CompleteMultipartUpload.multipart_upload.parts.part_number": "as etag",
    "CompleteMultipartUpload.sse_customer_algorithm": "as UploadPart answers; s3-tests want it",
    "CompleteMultipartUpload.sse_customer_key_md5": "as sse_customer_algorithm",
    "PutBucketPolicy.policy": "bytes: what is signed and kept is not decoded first",
    "GetBucketPolicy.policy": "as it was put",
    "GetBucketPolicy.content_type": "it is JSON, as AWS says in its answer",
    "RestoreObject.restore_request": "nothing can be restored without saying for how long",
    "DeleteObjects.content_md5": "botocore adds it, or a checksum, after its serializer",
    "DeleteObjects.payload_hash": "as content_md5",
    "DeleteObjects.checksum_crc32": "as content_md5",
    "DeleteObjects.checksum_crc32c": "as content_md5",
    "DeleteObjects.checksum_crc64nvme": "as content_md5",
    "DeleteObjects.checksum_sha1": "as content_md5",
    "DeleteObjects.checksum_sha256": "as content_md5",
    "DeleteObjects.checksum_sha512": "as content_md5",
    "DeleteObjects.checksum_md5": "as content_md5",
    "DeleteObjects.checksum_xxhash64": "as content_md5",
    "DeleteObjects.checksum_xxhash3": "as content_md5",
    "DeleteObjects.checksum_xxhash128": "as content_md5",
}
"""Members that are not as in the model (by operation, or ``*`` for all), and the reason."""

LEVELS = {"/": "service", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "object"}

Place = tuple[str, str]
"""Where on the wire, and by which name: ``("header", "x-amz-acl")``."""


@dataclass(frozen=True)
class ModelMember:
    """A member of the model, by its Python-facing name."""

    name: str
    shape: ModelShape
    required: bool


def ours(shape: type[Shape]) -> dict[Place, Member]:
    return {place(member): member for member in shape.wire_members}


def place(member: Member) -> Place:
    match member.mark:
        case Label(name):
            return "uri", name
        case Query(name):
            return "querystring", name
        case Header(name):
            return "header", name.lower()
        case PrefixHeaders(prefix):
            return "headers", prefix
        case Payload():
            return "payload", ""
        case Status():
            return "status", ""
        case Xml(name, _, True):
            return "attribute", name
        case Xml(name):
            return "element", name


def theirs(shape: StructureShape | None) -> dict[Place, ModelMember]:
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    places: dict[Place, ModelMember] = {}
    for name, member in shape.members.items():
        traits = member.serialization
        where, wire = traits.get("location", "element"), traits.get("name", name)
        if name == payload:
            where, wire = "payload", ""
        elif traits.get("xmlAttribute"):
            where = "attribute"
        elif where == "element" and member.type_name == "list" and traits.get("flattened"):
            # A flattened list is named by its items where they have a name.
            wire = traits.get("name") or member.member.serialization.get("name", name)
        wire = wire.lower() if where == "header" else wire
        places[where, wire] = ModelMember(name, member, name in shape.required_members)
    return places


def same_type(member: Member, shape: ModelShape) -> bool:
    """Whether our type has the form that the model's has."""
    kind = shape.type_name
    if member.many:
        if kind != "list":
            return False
        shape, kind = shape.member, shape.member.type_name
    if is_shape(member.type):
        return kind == "structure"
    if isinstance(member.mark, PrefixHeaders):
        return kind == "map"
    if isinstance(member.mark, Payload):
        return kind == "blob" or "eventstream" in shape.serialization
    if issubclass(member.type, StrEnum):
        return kind == "string" and {str(each) for each in member.type} <= set(shape.enum)
    return kind in {
        str: ("string",),
        bool: ("boolean",),
        int: ("integer", "long"),
        datetime: ("timestamp",),
        bytes: ("blob",),
    }.get(member.type, ())


def same_list(member: Member, shape: ModelShape) -> bool:
    """Whether a list is wrapped where the model's is, in items of the same name."""
    if not member.many or not isinstance(member.mark, Xml):
        return True
    if shape.serialization.get("flattened"):
        return member.mark.member is None
    return member.mark.member == shape.member.serialization.get("name", "member")


def request_line(name: str) -> tuple[str, str, dict[str, str]]:
    """Method, level (or path) and query of an operation, its required parameters included."""
    operation = MODEL.operation_model(name)
    path, _, query = operation.http["requestUri"].partition("?")
    required = {
        wire: ""
        for (where, wire), member in theirs(operation.input_shape).items()
        if where == "querystring" and member.required
    }
    selected = required | dict(parse_qsl(query, keep_blank_values=True))
    return operation.http["method"], LEVELS.get(path, path), selected


def required_headers(name: str) -> set[str]:
    members = theirs(MODEL.operation_model(name).input_shape).items()
    return {wire for (where, wire), member in members if where == "header" and member.required}


def output_type(row: Operation) -> Any:
    return row.handler.__annotations__["return"]

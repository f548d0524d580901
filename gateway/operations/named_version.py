"""The version of an object that a request names, and how an answer names one.

Everything here is about one version; lists of them are in ``versions``, the bucket's setting in
``versioning``.
"""

from email.utils import format_datetime

from gateway import conditions
from gateway.errors import InvalidArgument, MethodNotAllowed, NoSuchKey, NoSuchVersion
from gateway.naming import key_bytes
from gateway.operation import Call
from store import version_id as ids
from store.records import Bucket, DeleteMarker, Entry


def check_version(version_id: str | None) -> None:
    """Raises ``InvalidArgument`` for what no version is called, in no bucket."""
    if version_id is not None and ids.decode(version_id) is None:
        text = "Invalid version id specified" if version_id else "Version id cannot be empty"
        raise InvalidArgument(text, ArgumentName="versionId", ArgumentValue=version_id)


def current(call: Call, key: str, version_id: str | None = None) -> Entry:
    """The entry a request is about: the version it names, else the current one.

    Raises ``NoSuchKey``, ``NoSuchVersion``, ``InvalidArgument``, ``MethodNotAllowed`` (it names a
    delete marker).
    """
    if version_id is not None:
        if call.found is not None and call.found.version == version_id:
            return call.found
        found = named(call, call.bucket, key, version_id)
        if isinstance(found, DeleteMarker):
            raise _deleted(call, found)
        return found
    entry = call.found or call.store.entry(call.bucket, key_bytes(key))
    if entry is None:
        raise absent(call, call.bucket, key)
    return entry


def named(call: Call, bucket: Bucket, key: str, version_id: str) -> Entry | DeleteMarker:
    """Raises ``NoSuchVersion``, ``InvalidArgument``."""
    check_version(version_id)
    found = call.store.version(bucket, key_bytes(key), version_id)
    if found is None:
        raise NoSuchVersion(Key=key, VersionId=version_id)
    return found


def absent(call: Call, bucket: Bucket, key: str) -> NoSuchKey:
    """There is no current object; what says so tells of the delete marker that hides one.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """
    marker = call.store.marker(bucket, key_bytes(key)) if bucket.versioning else None
    if marker is not None:
        return NoSuchKey(headers=_headers(marker), Key=key)
    told = call.config.differences.absence_tells_delete_marker
    return NoSuchKey(headers={"x-amz-delete-marker": "false"} if told else None, Key=key)


def _deleted(call: Call, marker: DeleteMarker) -> MethodNotAllowed:
    allowed = {
        "allow": "DELETE",
        "last-modified": format_datetime(conditions.moment(marker.modified), usegmt=True),
        **_headers(marker),
    }
    return MethodNotAllowed(
        headers=allowed, Method=call.request.method, ResourceType="DeleteMarker"
    )


def _headers(marker: DeleteMarker) -> dict[str, str]:
    return {"x-amz-delete-marker": "true", "x-amz-version-id": marker.version}


def shown(bucket: Bucket, entry: Entry) -> str | None:
    """How a read names the version it read; ``None`` where versions were never kept."""
    return entry.version if bucket.versioning or entry.version != ids.NULL else None


def made(entry: Entry) -> str | None:
    """How a write names the version it made: AWS does not where it was the null one."""
    return None if entry.version == ids.NULL else entry.version

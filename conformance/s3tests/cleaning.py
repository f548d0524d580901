"""A plugin for the suite's pytest that lets it clean up after itself as AWS would have it.

After each item the suite empties its buckets with ``x-amz-bypass-governance-retention``. To AWS that
is an InvalidArgument in a bucket without object lock, so nothing at all would pass; the header is
left out there.
"""

from typing import Any

import boto3

_locked: set[str] = set()
"""The buckets made with object lock, or given one, by this process."""


def pytest_configure() -> None:
    boto3.setup_default_session()
    events = boto3.DEFAULT_SESSION.events
    events.register("before-parameter-build.s3.CreateBucket", _note_new)
    events.register("before-parameter-build.s3.PutObjectLockConfiguration", _note)
    events.register("before-parameter-build.s3.DeleteObjects", _leave_out)


def _note_new(params: dict[str, Any], **_: object) -> None:
    if params.get("ObjectLockEnabledForBucket"):
        _locked.add(params["Bucket"])


def _note(params: dict[str, Any], **_: object) -> None:
    _locked.add(params["Bucket"])


def _leave_out(params: dict[str, Any], **_: object) -> None:
    if params["Bucket"] not in _locked:
        params.pop("BypassGovernanceRetention", None)

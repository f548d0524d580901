"""Everything the store can refuse, one class each; the gateway has one table to S3's errors."""


class StoreError(Exception):
    """Base of all. Nothing was changed when one is raised."""


class BucketExists(StoreError):
    """The name is taken; ``owner`` is the access key that holds it."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(name)
        self.name = name
        self.owner = owner


class NoSuchBucket(StoreError):
    """The bucket was deleted in the meantime."""


class BucketNotEmpty(StoreError):
    """It holds objects, earlier versions or delete markers.

    Uploads in progress are dropped with the bucket, as AWS does.
    """


class KeepsVersions(StoreError):
    """The bucket keeps versions, or has some: a key cannot simply go."""


class Locked(StoreError):
    """The version is under retention or legal hold."""


class NoObjectLock(StoreError):
    """The bucket does not lock objects."""


class LocksObjects(StoreError):
    """The bucket locks objects, so it keeps versions as long as it is there."""


class NotVersioned(StoreError):
    """Only a bucket that keeps versions can lock objects."""


class NoSuchEntry(StoreError):
    """The key has no object: it never had, or it was deleted in the meantime."""


class TooManyAnnotations(StoreError):
    """Of one version of an object."""


class NoSuchUpload(StoreError):
    """The upload was never made, was aborted, or was completed."""


class PartChanged(StoreError):
    """A part named in Complete is not (or no longer) the one that was uploaded."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ExpectationFailed(StoreError):
    """The entry is not what ``Expect`` said."""


class NoSpace(StoreError):
    """The disk (or its quota) is full. Reads and deletes go on."""


class Unavailable(StoreError):
    """Writing failed below us (EIO, fsync error); nothing was acknowledged."""


class Damaged(StoreError):
    """Bytes on disk are not those their hash names. They are never served."""


class DirectoryLocked(StoreError):
    """Another server has this data directory."""


class FormatTooNew(StoreError):
    """The data directory was written by a newer s3gw."""


class JournalMismatch(StoreError):
    """Journal and database do not belong together (different store ids)."""

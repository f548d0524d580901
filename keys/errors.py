"""What the key table can refuse."""


class KeysError(Exception):
    """Base of all. Nothing was changed when one is raised."""


class NoSuchKey(KeysError):
    """No access key has this id."""


class KeyExists(KeysError):
    """An imported id is taken."""


class NoSuchKmsKey(KeysError):
    """No KMS key has this id."""


class InvalidKey(KeysError):
    """An imported id or secret is not usable in a signature (length, characters)."""


class MasterKeyRefused(KeysError):
    """The master key file is missing, malformed, readable by others, or not this table's."""


class SealBroken(KeysError):
    """A sealed secret does not open: wrong master key, or the row was altered."""


class TableTooNew(KeysError):
    """The key table was written by a newer s3gw."""

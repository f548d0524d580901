"""Commands that change keys, in the audit log of the settings, if there is one."""

import getpass
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from gateway.audit.log import AuditLog
from gateway.commands.outcome import Refusal
from gateway.settings import Settings

WRITER = "commands"


@contextmanager
def audited(settings: Settings, action: str, key: str = "") -> Iterator[dict[str, str]]:
    """A line on disk before the change and one after it, which has what the caller adds.

    Raises ``Refusal`` when the log cannot be written: before the change, nothing is changed.
    """
    directory = settings.values["audit_log"]
    found: dict[str, str] = {"key": key}
    if directory is None:
        yield found
        return
    try:
        log = AuditLog(directory, WRITER, wait=True)
    except OSError as error:
        raise Refusal(f"the audit log cannot be opened, nothing is changed: {error}") from error
    try:
        _write(log, action, "asked", found)
        try:
            yield found
        except BaseException as error:
            found["code"] = type(error).__name__
            raise
        finally:
            _write(log, action, "done", found)
    finally:
        log.close()


def _write(log: AuditLog, action: str, event: str, found: Mapping[str, str]) -> None:
    user = ""
    with suppress(KeyError, OSError):  # of a container, which may have no name
        user = getpass.getuser()
    fields = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": event,
        "source": "command",
        "user": user,
        "action": action,
        "decision": "allow",
        "reason": "command",
    }
    try:
        log.append({**fields, **found})
        log.syncing()()
    except OSError as error:
        raise Refusal(f"the audit log cannot be written: {error}") from error

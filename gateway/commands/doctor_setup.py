"""What was set up: who may look, certificates, what is public, settings that give up something."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway import tls
from gateway.commands import data_dir
from gateway.commands.doctor_machine import BAD, OK, RISK, Check
from gateway.config import BadSetting, Config, address, is_loopback
from store import database

EXPIRY = timedelta(days=14)


def permissions(config: Config) -> Iterator[Check]:
    """As a start would find them; a start closes what can be closed."""
    if os.geteuid() == 0:
        yield Check("user", RISK, "runs as root: a user of its own would do")
    found = list(data_dir.examine(config.data_dir))
    for each in found[:10]:
        state = BAD if each.mode is None else RISK
        yield Check("permissions", state, f"{each.path} {each.text}")
    if not found:
        yield Check("permissions", OK, f"{config.data_dir} is its owner's alone")


def master_key(config: Config) -> Iterator[Check]:
    """It is there, and opens the table."""
    from keys.database import FILE_NAME
    from keys.errors import KeysError
    from keys.table import MASTER_KEY_NAME, Table

    if not (config.data_dir / FILE_NAME).exists():
        yield Check("keys", OK, "none yet; `s3gw serve` makes one")
        return
    try:
        table = Table(config.data_dir, master_key_file=config.master_key_file)
        try:
            count = len(table.all())
        finally:
            table.close()
    except KeysError as error:
        yield Check("keys", BAD, str(error))
        return
    path = config.master_key_file or config.data_dir / MASTER_KEY_NAME
    yield Check("keys", OK, f"{count} access keys, opened by {path}: has it a backup of its own?")
    old = sorted(path.parent.glob(f"{path.name}.????????????????"))
    if old:
        yield Check("keys", RISK, f"{len(old)} rotated master keys are still beside it: {old[0]}")


def encryption(config: Config, now: datetime | None = None) -> Iterator[Check]:
    """TLS, and how long its certificate lasts."""
    host, _ = address(config.listen)
    if not config.secure:
        local = is_loopback(host)
        text = (
            "off" if local else f"off, and others can reach {host}: put TLS in front or turn it on"
        )
        yield Check("tls", OK if local else RISK, text)
        return
    auto = config.data_dir / "tls"
    chain = config.tls_cert or auto / "cert.pem"
    key = config.tls_key or auto / "key.pem"
    if config.tls == "auto" and not chain.exists():
        yield Check("tls", OK, "a certificate is made at the first start")
        return
    try:
        tls.server_context(chain, key)
        ends = tls.not_after(chain)
    except (BadSetting, OSError, ValueError) as error:
        yield Check("tls", BAD, str(error))
        return
    left = ends - (now or datetime.now(UTC))
    state = BAD if left < timedelta() else RISK if left < EXPIRY else OK
    yield Check("tls", state, f"{chain} is valid until {ends:%Y-%m-%d} ({left.days} days)")


def public(config: Config) -> Iterator[Check]:
    """Which buckets others can read or change, and why."""
    from gateway.commands.offline import all_buckets
    from gateway.commands.store import reasons

    if config.block_public:
        yield Check("public", OK, "block_public is on")
        return
    if not (config.data_dir / database.FILE).exists():
        yield Check("public", OK, "no buckets yet")
        return
    count = 0
    for bucket in all_buckets(config.data_dir):
        why = reasons(bucket)
        if why:
            count += 1
            yield Check("public", RISK, f"bucket {bucket.name}: {'; '.join(why)}")
    if not count:
        yield Check("public", OK, "no bucket is public")


def settings(config: Config) -> Iterator[Check]:
    """Those that give up safety for something else, and are not the default."""
    risky = {
        f"durability = {config.durability}: a power cut loses what was answered 200": (
            config.durability != "commit"
        ),
        "default_bucket_acl = public-read-write: everybody can change new buckets": (
            config.default_bucket_acl == "public-read-write"
        ),
        "default_bucket_acl = public-read, and others can reach the server": (
            config.default_bucket_acl == "public-read"
            and not is_loopback(address(config.listen)[0])
        ),
        "cors_allow_origin = *: scripts of every site may call": "*" in config.cors_allow_origin,
        "sse_c_over_http: customers' keys may cross the network in clear": config.sse_c_over_http,
        "sandbox_objects is off: scripts in objects run in one origin": not config.sandbox_objects,
        "lifecycle_day is not a day: objects expire early": config.lifecycle_day < 86400,
        "scrub_days = 0: damage is found when it is read": config.scrub_days == 0,
        "log_level = DEBUG": config.log_level == "DEBUG",
    }
    for text, is_risk in risky.items():
        if is_risk:
            yield Check("settings", RISK, text)
    if not any(risky.values()):
        yield Check("settings", OK, "nothing is given up")
    if config.audit_log is not None and not _writable(config.audit_log):
        yield Check("audit log", BAD, f"{config.audit_log} cannot be written: changes are refused")


def _writable(directory: Path) -> bool:
    there = next(each for each in (directory, *directory.parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)

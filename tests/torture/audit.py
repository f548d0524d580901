"""The audit log under kills and tampering: no acknowledged change is missing, no edit unnoticed."""

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from gateway.audit import auditing, chain
from gateway.audit.chain import verify
from gateway.audit.log import AuditLog
from tests.gateway.server_process import ServerProcess
from tests.torture.gate import Gate, Outcome, Run

BUCKET = "audited"


def run(asked: Run) -> Outcome:
    """A server with two workers is asked for changes and killed; then its log is tampered with."""
    missed, tampered = _tampering(asked)
    if asked.mutant == "blind":
        return Outcome({"tampered": tampered}, missed)
    mutant = f"{__name__}:{asked.mutant}" if asked.mutant else ""
    directory, violations = asked.directory, missed
    kills = asked.of(40)
    acknowledged: list[str] = []
    for number in range(kills):
        options = ("--workers", "2", "--audit-log", str(directory / "audit"))
        with ServerProcess(directory / "data", *options, mutant=mutant) as server:
            acknowledged += _changes(server.ready(), directory, count=5)
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()
        paths = sorted((directory / "audit").iterdir())
        violations += [f"{number}: {found}" for found in verify(paths) if found.findings]
    done = _done(paths)
    violations += [f"{each} has no line on disk" for each in acknowledged if each not in done]
    figures = {"kills": kills, "changes": len(acknowledged), "tampered": tampered}
    return Outcome(figures, violations)


def _changes(server: ServerProcess, directory: Path, count: int) -> list[str]:
    """Ids of the requests that changed something and were answered."""
    credentials = directory / "credentials"
    if not credentials.exists():
        credentials.write_text(json.dumps([server.said("access key"), server.said("secret")]))
    key, secret = json.loads(credentials.read_text())
    client = server.client(aws_access_key_id=key, aws_secret_access_key=secret)
    if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=BUCKET)
    answers = []
    for number in range(count):
        acl = ("private", "public-read")[number % 2]
        answers.append(client.put_bucket_acl(Bucket=BUCKET, ACL=acl))
        client.put_object(Bucket=BUCKET, Key=str(number), Body=b"")
    return [each["ResponseMetadata"]["RequestId"] for each in answers]


def _done(paths: list[Path]) -> set[str]:
    """Requests that have both of their lines."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for line in path.read_bytes().splitlines():
            known = chain.read(line)
            if known is not None:
                found.setdefault(known.fields["request_id"], set()).add(known.fields["event"])
    return {request for request, events in found.items() if events >= {"asked", "done"}}


def _tampering(asked: Run) -> tuple[list[str], int]:
    """What was done to a log and not found."""
    draw, missed = random.Random(asked.seed), []
    log = AuditLog(asked.directory / "tampered", "0")
    for number in range(40):
        log.append({"request_id": str(number), "action": "GetObject", "status": 200})
    log.close()
    (copy,) = (asked.directory / "tampered").iterdir()
    lines = copy.read_bytes().splitlines(keepends=True)
    times = asked.of(2000, least=50)
    if asked.mutant == "blind":
        kept, chain.read = chain.read, _blind
    try:
        for number in range(times):
            way = WAYS[number % len(WAYS)]
            copy.write_bytes(b"".join(way(list(lines), draw)))
            if not any(found.findings for found in verify([copy])):
                missed.append(f"{way.__name__} was not found")
    finally:
        if asked.mutant == "blind":
            chain.read = kept
    return missed, times


def _dropped(lines: list[bytes], draw: random.Random) -> list[bytes]:
    del lines[draw.randrange(len(lines) - 1)]
    return lines


def _edited(lines: list[bytes], draw: random.Random) -> list[bytes]:
    """One field, and a hash that is right for it."""
    number = draw.randrange(len(lines) - 1)
    known = chain.read(lines[number][:-1])
    fields = {} if known is None else dict(known.fields) | {"status": 299}
    lines[number] = chain.link(fields, str(fields.pop("prev", "")))[0]
    return lines


def _falsified(lines: list[bytes], draw: random.Random) -> list[bytes]:
    """One field, and the hash left as it is."""
    number = draw.randrange(len(lines))
    lines[number] = lines[number].replace(b'"status":', b'"status":1', 1)
    return lines


def _flipped(lines: list[bytes], draw: random.Random) -> list[bytes]:
    number = draw.randrange(len(lines))
    line = bytearray(lines[number])
    line[draw.randrange(len(line) - 1)] ^= 1 << draw.randrange(8)
    lines[number] = bytes(line)
    return lines


def _swapped(lines: list[bytes], draw: random.Random) -> list[bytes]:
    first, second = draw.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return lines


WAYS: list[Callable[[list[bytes], random.Random], list[bytes]]] = [
    _dropped,
    _edited,
    _falsified,
    _flipped,
    _swapped,
]


def _blind(line: bytes) -> chain.Link | None:
    """A mutant: whatever a line says of itself is believed."""
    try:
        fields = json.loads(line)
        return chain.Link(fields["prev"], fields["hash"], fields)
    except (ValueError, KeyError, TypeError):
        return None


def late() -> None:
    """A mutant: a change has its line like any other request, once it has been answered."""
    auditing.CHANGES = frozenset()


GATE = Gate(
    name="audit log",
    bar="40 kills of a server, every acknowledged change on disk; 2,000 tamperings, all found",
    run=run,
    mutants=("blind", "late"),
    short=0.025,
)

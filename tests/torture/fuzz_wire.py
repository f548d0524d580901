"""R8, over the wire: requests as nobody sends them at a real server, from many connections."""

import os
import time
from collections import Counter
from pathlib import Path

import uvloop

from tests.gateway.server_process import ServerProcess
from tests.torture.fuzzing.wire_requests import WEB, Requests, Signer, authority
from tests.torture.fuzzing.wire_talks import Heard, again, lanes, storm
from tests.torture.gate import Gate, Outcome, Run

INPUTS = 200_000
READS = 10_000
"""Of them that are sent down both lanes."""
CONNECTIONS = 32
SETTLED = 0.25
"""After this share of the inputs the server's caches are full."""
GROWTH_BYTES = 50_000_000
DESCRIPTORS = 16
"""More than before: segments and the like, but none for each request."""
OPTIONS = (
    "--workers", "1", "--durability", "none", "--default-bucket-acl", "private",
    "--website-domains", WEB, "--select-processes", "1", "--kms-keys", "k",
    "--access-log-seconds", "1",
)  # fmt: skip


def run(asked: Run) -> Outcome:
    mutant = f"tests.torture.fuzz_wire:{MUTANTS[asked.mutant]}" if asked.mutant else ""
    with ServerProcess(asked.directory / "data", *OPTIONS, mutant=mutant) as server:
        server.ready()
        outcome = _storms(server, server.process.pid, asked)
        log = server.err.text
        violations = list(outcome.violations)
        violations += [f"log: {line}" for line in _tracebacks(log)[:3]]
        if server.process.poll() is not None:
            violations.append("the server has died")
        return Outcome(outcome.figures, violations)


def _storms(server: ServerProcess, pid: int, asked: Run) -> Outcome:
    signer = Signer(server.said("access key"), server.said("secret"), authority(server.url))
    requests = Requests(signer, asked.seed)
    host, port = "127.0.0.1", server.port
    inputs = asked.of(INPUTS, 200)
    began = time.monotonic()
    first = uvloop.run(storm(host, port, requests, round(inputs * SETTLED), CONNECTIONS))
    before = _used(pid)
    rest = uvloop.run(storm(host, port, requests, round(inputs * (1 - SETTLED)), CONNECTIONS))
    seconds = time.monotonic() - began
    heard = [first, rest]
    for each in heard:
        uvloop.run(again(host, port, each))
    heard.append(uvloop.run(lanes(host, port, requests, asked.of(READS, 20))))
    after = _settled(pid, before[1] + DESCRIPTORS)
    violations = [text for each in heard for text in each.violations]
    if after[0] - before[0] > GROWTH_BYTES:
        violations.append(f"grew by {after[0] - before[0]} bytes")
    if after[1] - before[1] > DESCRIPTORS:
        violations.append(f"{after[1] - before[1]} descriptors more")
    return Outcome(_figures(heard, seconds, before, after), violations)


def _figures(
    heard: list[Heard], seconds: float, before: tuple[int, int], after: tuple[int, int]
) -> dict[str, float]:
    sent = sum(each.sent for each in heard)
    statuses = sum((each.statuses for each in heard), Counter[int]())
    kinds = {kind: sum(count for status, count in statuses.items() if status // 100 == kind)
             for kind in (2, 3, 4, 5)}  # fmt: skip
    return {
        "inputs": sent,
        "inputs_per_second": round((heard[0].sent + heard[1].sent) / seconds),
        **{f"answers_{kind}xx": count for kind, count in kinds.items()},
        "growth_bytes": after[0] - before[0],
        "descriptors_more": after[1] - before[1],
    }


def _tracebacks(log: str) -> list[str]:
    """What the server says of what it did not expect, the end of it first."""
    return [
        f"{line[-400:]} {line[:2000]}"
        for line in log.split("\n")
        if "Traceback" in line or "level=error" in line
    ]


def _used(pid: int) -> tuple[int, int]:
    """Bytes of memory of its own, and descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    (anonymous,) = (line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(anonymous) * 1024, len(os.listdir(f"/proc/{pid}/fd"))


def _settled(pid: int, most: int) -> tuple[int, int]:
    """The same when connections that were cut are gone, or will not go."""
    deadline = time.monotonic() + 5
    while (found := _used(pid))[1] > most and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def unguarded_int() -> None:
    from gateway.auth import declared

    declared._length = lambda headers, name: (  # type: ignore[assignment]
        int(text) if (text := headers.get(name)) is not None else None
    )


def stalls() -> None:
    from gateway.operations import listing

    def position(text: str) -> bytes:
        time.sleep(3)
        return b""

    listing.token_position = position


def leaks() -> None:
    """A descriptor for each refusal."""
    from gateway import refusal

    render = refusal.render_error

    def rendered(*given: object, **more: object) -> object:
        os.dup(1)
        return render(*given, **more)  # type: ignore[arg-type]

    refusal.render_error = rendered  # type: ignore[assignment]


def grows() -> None:
    from gateway import serve

    parse, kept = serve.addressing.parse, []

    def parsed(*given: object, **more: object) -> object:
        kept.append(b"x" * 100_000)
        return parse(*given, **more)  # type: ignore[arg-type]

    serve.addressing.parse = parsed  # type: ignore[assignment]


MUTANTS = {
    "int() on a header": "unguarded_int",
    "a token that stalls the loop": "stalls",
    "a descriptor left open": "leaks",
    "memory that is kept": "grows",
}

GATE = Gate(
    name="R8 fuzz, over the wire",
    bar="200,000 requests, no 5xx but declared ones, no wait over 2 s, memory and descriptors flat",
    run=run,
    mutants=tuple(MUTANTS),
    short=0.003,
    mutant_scale=0.01,
)

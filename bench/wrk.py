"""wrk as a client: far cheaper per request than ours, for small GET, LIST and PUT.

It waits for a body after HEAD, so HEAD, and what must be asked once only, stay with our own.
"""

import json
import resource
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.bodies import SPAN, STEP
from bench.cells import MIB, Cell
from bench.client import Refused
from bench.drive import Measured, Plan, new_key, requests
from bench.processes import Meter
from bench.signing import Presigner

SCRIPT = """
local threads = {}
function setup(thread)
  thread:set("lane", #threads)
  table.insert(threads, thread)
end
function init(args)
  lanes, size = tonumber(args[2]), tonumber(args[3])
  step, span = tonumber(args[4]), tonumber(args[5])
  heads, issued = {}, 0
  for line in io.lines(args[1]) do
    heads[#heads + 1] = (line:gsub("|", "\\r\\n"))
  end
  if size > 0 then
    local file = io.open(args[6], "rb")
    pool = file:read(span + size)
    file:close()
  end
end
function request()
  local number = issued * lanes + lane
  issued = issued + 1
  local head = heads[number % #heads + 1]
  if size == 0 then return head end
  local begin = number % #heads * step % span
  return head .. pool:sub(begin + 1, begin + size)
end
function done(summary, latency, requests)
  local e, counts = summary.errors, {}
  for i, thread in ipairs(threads) do counts[i] = thread:get("issued") end
  io.stderr:write(string.format(
    '{"requests":%d,"microseconds":%d,"bad":%d,"p50":%d,"p90":%d,"p99":%d,"issued":[%s]}',
    summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99),
    table.concat(counts, ",")))
end
"""
"""Heads come one to a line, line ends within as "|"; body ``n`` is the window of bench.bodies."""


def can(cell: Cell) -> bool:
    return (
        shutil.which("wrk") is not None
        and cell.operation in ("PUT", "GET", "LIST", "DELIMITER")
        and cell.size < MIB
        and not cell.beside
    )


def drive(plan: Plan, meter: Meter) -> Measured:
    """Run one cell, whole seconds. Raises ``Refused`` when any answer was not 2xx or 3xx."""
    with tempfile.TemporaryDirectory(dir=plan.bodies.parent) as directory:
        script, heads = Path(directory, "wrk.lua"), Path(directory, "heads")
        script.write_text(SCRIPT)
        if plan.warm_seconds:
            _write(heads, _heads(replace(plan, seconds=0.0), "warm/"))
            _run(plan, script, heads, plan.warm_seconds)
        _write(heads, _heads(plan, ""))
        client = _children_cpu()
        meter.start()
        said = _run(plan, script, heads, plan.seconds)
        server = meter.stop()
        client = _children_cpu() - client
    moved = 0 if plan.operation in ("LIST", "DELIMITER") else plan.size
    return Measured(
        requests=said["requests"],
        seconds=said["microseconds"] / 1e6,
        bytes_moved=said["requests"] * moved,
        p50_ms=said["p50"] / 1e3,
        p90_ms=said["p90"] / 1e3,
        p99_ms=said["p99"] / 1e3,
        client_cpu_seconds=client,
        server=server,
        client="wrk",
        acknowledged=_acknowledged(plan, said["issued"]),
    )


def _heads(plan: Plan, prefix: str) -> list[bytes]:
    if plan.operation == "PUT":
        sign = Presigner(plan.target)
        return [
            sign.wire("PUT", f"/{plan.bucket}/{prefix}{new_key(number)}", size=plan.size)
            for number in range(_distinct(plan))
        ]
    ask = requests(plan, 0, 1)
    count = 1 if plan.operation in ("LIST", "DELIMITER") else plan.objects
    return [ask(number).wire for number in range(count)]


def _distinct(plan: Plan) -> int:
    """How many names PUTs go to before the first is written again."""
    return max(10_000, int(plan.seconds * 15_000))


def _write(path: Path, heads: list[bytes]) -> None:
    path.write_bytes(b"".join(head.replace(b"\r\n", b"|") + b"\n" for head in heads))


def _run(plan: Plan, script: Path, heads: Path, seconds: float) -> dict[str, Any]:
    threads = 2 if plan.connections >= 8 else 1
    size = plan.size if plan.operation == "PUT" else 0
    command = ["wrk", f"-t{threads}", f"-c{plan.connections}", f"-d{max(1, round(seconds))}s"]
    url = f"{'https' if plan.target.tls else 'http'}://{plan.target.authority}/"
    passed = [str(heads), *map(str, (threads, size, STEP, SPAN)), str(plan.bodies)]
    ended = subprocess.run(
        [*command, "-s", str(script), url, "--", *passed],
        capture_output=True,
        text=True,
        check=False,
    )
    begin = ended.stderr.rfind('{"requests"')
    if begin < 0:
        raise Refused(f"wrk: {ended.stderr[-400:]}{ended.stdout[-400:]}")
    said: dict[str, Any] = json.loads(ended.stderr[begin:])
    if said["bad"] or not said["requests"]:
        raise Refused(
            f"wrk: {said['bad']} bad answers of {said['requests']}: {ended.stdout[-300:]}"
        )
    return said


def _acknowledged(plan: Plan, issued: list[int]) -> list[int]:
    """What was surely answered: wrk leaves its last requests without waiting for them.

    So the first half counts, without the very first, which it makes up only to look at.
    """
    if plan.operation != "PUT":
        return []
    lanes = len(issued)
    return sorted(
        {
            (n * lanes + lane) % _distinct(plan)
            for lane, count in enumerate(issued)
            for n in range(1, count // 2)
        }
    )


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""R7, conformance: the whole API beside a plain model, step by step, until they differ.

A hypothesis state machine sends signed requests down the pipeline of this process and compares
each answer with ``model_world``'s. At the end the store is checked, and rebuilt from its journal.
"""

import hashlib
from contextlib import ExitStack
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.engine import ConjectureRunner
from hypothesis.stateful import run_state_machine_as_test

from gateway.operations import complete
from store import fsck
from store.rebuild import rebuild
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.model_door import Door
from tests.torture.model_machine import Machine
from tests.torture.model_mutants import MUTANTS
from tests.torture.model_rules import Everything
from tests.torture.model_uploads import LEAST_PART

EXAMPLES = 2000
STEPS = 50
TOLD = 20
"""Of the last requests, when something differs."""


def run(run: Run) -> Outcome:
    """Compare; the first difference ends it."""
    Machine.asked = Machine.runs = 0
    Machine.listings = {}
    with ExitStack() as stack:
        stack.enter_context(patch.object(complete, "MIN_PART_BYTES", LEAST_PART))
        # Each of hypothesis's runs else comes six times, nearly as it was.
        stack.enter_context(patch.object(ConjectureRunner, "generate_mutations_from", _none))
        if run.mutant:
            stack.enter_context(MUTANTS[run.mutant]())
        door = Door(run.directory / "data")
        try:
            violations = _differences(run, door)
        finally:
            door.close()
        violations = violations or _afterwards(door)
    figures = {"runs": Machine.runs, "requests": Machine.asked, "buckets": len(Machine.listings)}
    return Outcome(figures, violations)


def _none(runner: ConjectureRunner, data: object) -> None:
    pass


def _differences(run: Run, door: Door) -> list[str]:
    Machine.door = door
    machine = seed(run.seed)(type("Seeded", (Everything,), {}))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=run.of(EXAMPLES),
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                database=None,
                report_multiple_bugs=False,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:
        state = map(repr, Machine.last.buckets.values())
        return ["\n".join([f"{type(error).__name__}: {error}", *Machine.story[-TOLD:], *state])]
    return []


def _afterwards(door: Door) -> list[str]:
    """What does not hold of what is on disk; and all buckets are listed again after a rebuild."""
    found = [f"fsck: {each.kind} {each.where}" for each in fsck.check(door.directory)]
    rebuild(door.directory)
    again = Door(door.directory, door.users)
    try:
        for name, digest in Machine.listings.items():
            owner = door.users["A"].key
            bucket = again.store.bucket(name)
            if bucket is None:
                found.append(f"{name} is gone after a rebuild")
                continue
            who = "A" if bucket.owner == owner else "B"
            query = {"versions": "", "encoding-type": "url"}
            answer = again.ask(who, "GET", f"/{name}", query)
            if hashlib.sha256(answer.body).digest() != digest:
                found.append(f"{name} is listed otherwise after a rebuild")
    finally:
        again.close()
    return found


GATE = Gate(
    name="model conformance",
    bar="2,000 runs of 50 steps, 0 differences to a plain model",
    run=run,
    mutants=tuple(MUTANTS),
    short=0.012,
    mutant_scale=0.15,
)

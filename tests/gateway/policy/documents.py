"""Policies and questions for the tests."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.policy.document import Policy, parse
from gateway.policy.evaluate import Question, Verdict, evaluate

BUCKET = "arn:aws:s3:::bucket"
OBJECTS = "arn:aws:s3:::bucket/*"


def statement(**said: Any) -> dict[str, Any]:
    """Everybody may read every object, unless ``said`` otherwise."""
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": OBJECTS}
    for name in ("Principal", "Action", "Resource"):
        if f"Not{name}" in said:
            del base[name]
    return {name: value for name, value in (base | said).items() if value is not None}


def document(*statements: dict[str, Any], version: str | None = "2012-10-17") -> bytes:
    body: dict[str, Any] = {} if version is None else {"Version": version}
    return json.dumps(body | {"Statement": list(statements)}).encode()


def policy(*statements: dict[str, Any], version: str | None = "2012-10-17") -> Policy:
    return parse(document(*statements, version=version), "bucket")


def asked(
    key: str | None = "key",
    *,
    by: str = "ann",
    action: str = "s3:GetObject",
    keys: Mapping[str, tuple[str, ...]] | None = None,
) -> Question:
    resource = BUCKET if key is None else f"{BUCKET}/{key}"
    known = {"aws:username": (by,)} if by else {}
    return Question(by, action, resource, {**known, **(keys or {})}.get)


def says(found: Policy, question: Question) -> str:
    return evaluate(found, question).value


def holds(condition: dict[str, Any], keys: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a statement with this condition applies."""
    return evaluate(policy(statement(Condition=condition)), asked(keys=keys)) is Verdict.ALLOW

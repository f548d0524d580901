"""What a policy says to one question: an explicit Deny, an Allow, or nothing.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from dataclasses import dataclass
from enum import Enum

from gateway.policy.document import Listed, Policy, Statement
from gateway.policy.wildcards import Keys


class Verdict(Enum):
    """What a policy says."""

    DENY = "deny"
    ALLOW = "allow"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Question:
    """May this caller do this to that?"""

    key_id: str
    """Access key id of the caller; empty when anonymous."""
    action: str
    """``s3:GetObject``"""
    resource: str
    """``arn:aws:s3:::bucket/key``"""
    keys: Keys


def evaluate(policy: Policy, question: Question) -> Verdict:
    """One Deny that applies outweighs every Allow."""
    verdict = Verdict.NOTHING
    for statement in policy.statements:
        if statement.allow and verdict is Verdict.ALLOW:
            continue
        if _applies(statement, question):
            if not statement.allow:
                return Verdict.DENY
            verdict = Verdict.ALLOW
    return verdict


def might_allow(policy: Policy, key_id: str, action: str) -> bool:
    """Whether there is a resource and a condition under which the answer could be Allow."""
    return any(
        statement.allow
        and statement.principals.name(key_id)
        and _listed(statement.actions, action, lambda _: None)
        for statement in policy.statements
    )


def _applies(statement: Statement, question: Question) -> bool:
    return (
        statement.principals.name(question.key_id) is not statement.not_principals
        and _listed(statement.actions, question.action, question.keys)
        and _listed(statement.resources, question.resource, question.keys)
        and all(condition.holds(question.keys) for condition in statement.conditions)
    )


def _listed(listed: Listed, text: str, keys: Keys) -> bool:
    return any(each.matches(text, keys) for each in listed.patterns) is not listed.inverted

"""What a lifecycle configuration may say, and AWS's error for each thing it may not. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
"""

import secrets
from dataclasses import replace
from datetime import datetime, time

from gateway.compat import AWS, Compat
from gateway.errors import InvalidArgument, InvalidRequest, MalformedXML
from gateway.lifecycle.configuration import (
    LifecycleExpiration,
    LifecycleRule,
    LifecycleRuleAndOperator,
    NoncurrentVersionExpiration,
    NoncurrentVersionTransition,
    TransitionStorageClass,
    wants,
)
from gateway.naming import key_bytes

MAX_RULES = 1000
MAX_ID = 255
MAX_RETAINED = 100
MAX_DAYS = (1 << 31) - 1
MAX_PREFIX_BYTES = 1024
_MIDNIGHT = time(0)
_DAYS_WARM = 30
_AFTER_A_WHILE = frozenset({TransitionStorageClass.STANDARD_IA, TransitionStorageClass.ONEZONE_IA})


def checked(rules: tuple[LifecycleRule, ...], differences: Compat = AWS) -> list[LifecycleRule]:
    """The rules, each with an ID.

    Raises ``MalformedXML`` (no rule, too many, what no schema allows), ``InvalidArgument`` and
    ``InvalidRequest`` (values that AWS refuses). https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
    """
    if not 0 < len(rules) <= MAX_RULES:
        raise MalformedXML
    if any(rule.filter is not None for rule in rules) and any(
        rule.filter is None for rule in rules
    ):
        raise InvalidRequest(
            "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the "
            "Filter."
        )
    named = [rule if rule.id else replace(rule, id=secrets.token_urlsafe(36)) for rule in rules]
    if len({rule.id for rule in named}) < len(named):
        raise _argument("Rule ID must be unique. Found same ID for more than one rule", "ID")
    for rule in named:
        _check(rule, differences)
    return named


def _check(rule: LifecycleRule, differences: Compat) -> None:
    if len(rule.id or "") > MAX_ID:
        raise _argument(f"ID length should not exceed allowed limit of {MAX_ID}", "ID")
    if (rule.prefix is None) == (rule.filter is None):
        raise MalformedXML
    _check_filter(rule, differences)
    if rule.expiration is not None:
        _check_expiration(rule.expiration)
    earlier, abort = rule.noncurrent_version_expiration, rule.abort_incomplete_multipart_upload
    if earlier is not None:
        _check_noncurrent(earlier)
    if abort is not None:
        if abort.days_after_initiation is None:
            raise MalformedXML
        _positive(
            abort.days_after_initiation, "DaysAfterInitiation", "AbortIncompleteMultipartUpload"
        )
    _check_transitions(rule)
    moves = rule.transitions or rule.noncurrent_version_transitions
    if rule.expiration is None and earlier is None and abort is None and not moves:
        raise InvalidRequest("At least one action needs to be specified in a rule")


def _check_filter(rule: LifecycleRule, differences: Compat) -> None:
    wanted = wants(rule)
    given = rule.filter
    if given is not None:
        sizes = (given.object_size_greater_than, given.object_size_less_than)
        said = _count(given.prefix, given.tag, given.conjunction, *sizes)
        if said > 1 and not differences.filters_may_say_several_things:
            raise MalformedXML
        inner = given.conjunction.prefix if given.conjunction else None
        whole = wanted.prefix or ""  # the longer one
        if not (whole.startswith(given.prefix or "") and whole.startswith(inner or "")):
            raise MalformedXML
    if len(key_bytes(wanted.prefix or "")) > MAX_PREFIX_BYTES:
        raise InvalidRequest(f"The maximum size of a prefix is {MAX_PREFIX_BYTES}.")
    if len({tag.key for tag in wanted.tags}) < len(wanted.tags):
        raise InvalidRequest("Duplicate Tag Keys are not allowed.")
    least, most = wanted.object_size_greater_than, wanted.object_size_less_than
    if least is not None and most is not None and most - least < 2:
        raise InvalidRequest(
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
        )
    _check_plain(rule, wanted)


def _check_plain(rule: LifecycleRule, wanted: LifecycleRuleAndOperator) -> None:
    """Uploads and delete markers have neither tags nor a size."""
    sized = (wanted.object_size_greater_than, wanted.object_size_less_than) != (None, None)
    marker = (
        rule.expiration is not None and rule.expiration.expired_object_delete_marker is not None
    )
    for name, there in (
        ("AbortIncompleteMultipartUpload", rule.abort_incomplete_multipart_upload is not None),
        ("ExpiredObjectDeleteMarker", marker),
    ):
        if there and wanted.tags:
            raise InvalidRequest(f"{name} cannot be specified with Tags.")
        if there and sized:
            raise InvalidRequest(f"{name} cannot be specified with Object Size.")


def _check_expiration(expiration: LifecycleExpiration) -> None:
    date, days = expiration.date, expiration.days
    if _count(date, days, expiration.expired_object_delete_marker) != 1:
        raise MalformedXML
    if days is not None:
        _positive(days, "Days", "Expiration")
    if date is not None:
        _check_date(date)


def _check_noncurrent(expiration: NoncurrentVersionExpiration) -> None:
    if expiration.noncurrent_days is None:
        raise MalformedXML
    _positive(expiration.noncurrent_days, "NoncurrentDays", "NoncurrentVersionExpiration")
    _check_retained(expiration)


def _check_retained(action: NoncurrentVersionExpiration | NoncurrentVersionTransition) -> None:
    retained = action.newer_noncurrent_versions
    if retained is not None and not 0 < retained <= MAX_RETAINED:
        raise _argument(
            f"'NewerNoncurrentVersions' for {type(action).__name__} action must be a positive "
            f"integer less than or equal to {MAX_RETAINED}",
            "NewerNoncurrentVersions",
        )


def _check_transitions(rule: LifecycleRule) -> None:
    expiration = rule.expiration or LifecycleExpiration()
    for move in rule.transitions:
        if move.storage_class is None or _count(move.date, move.days) != 1:
            raise MalformedXML
        if move.date is not None:
            _check_date(move.date)
        if (move.date and expiration.days) or (move.days is not None and expiration.date):
            raise InvalidRequest(
                "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle"
                " rule"
            )
        _check_days(move.days, expiration.days, move.storage_class, "Days")
    gone = rule.noncurrent_version_expiration or NoncurrentVersionExpiration()
    for later in rule.noncurrent_version_transitions:
        if later.storage_class is None or later.noncurrent_days is None:
            raise MalformedXML
        _check_retained(later)
        days = (later.noncurrent_days, gone.noncurrent_days)
        _check_days(*days, later.storage_class, "NoncurrentDays")
    for moves in (rule.transitions, rule.noncurrent_version_transitions):
        if len({move.storage_class for move in moves}) < len(moves):
            raise InvalidRequest("'StorageClass' must be different for 'Transition' actions")


def _check_days(
    days: int | None, end: int | None, storage_class: TransitionStorageClass, name: str
) -> None:
    if days is None:
        return
    if days > MAX_DAYS:
        raise _argument(f"'{name}' in Transition action is too large", name)
    if days < _DAYS_WARM and storage_class in _AFTER_A_WHILE:
        raise _argument(
            f"'{name}' in Transition action must be greater than or equal to {_DAYS_WARM} for "
            f"storageClass '{storage_class}'",
            name,
        )
    if end is not None and end <= days:
        raise _argument(
            f"'{name}' in the Expiration action must be greater than '{name}' in the Transition "
            "action",
            name,
        )


def _count(*values: object) -> int:
    return sum(value is not None for value in values)


def _check_date(date: datetime) -> None:
    if date.time() != _MIDNIGHT:
        raise _argument("'Date' must be at midnight GMT", "Date")


def _positive(days: int, name: str, action: str) -> None:
    if not 1 <= days <= MAX_DAYS:
        raise _argument(f"'{name}' for {action} action must be a positive integer", name)


def _argument(text: str, name: str) -> InvalidArgument:
    return InvalidArgument(text, ArgumentName=name)

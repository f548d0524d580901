"""What rules may say, and when by them a version or an upload has to go."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.compat import NAMED
from gateway.errors import InvalidArgument, InvalidRequest, MalformedXML
from gateway.lifecycle.checks import checked
from gateway.lifecycle.configuration import (
    CONFIG,
    AbortIncompleteMultipartUpload,
    KeptConfiguration,
    LifecycleExpiration,
    LifecycleRule,
    LifecycleRuleAndOperator,
    LifecycleRuleFilter,
    NoncurrentVersionExpiration,
    NoncurrentVersionTransition,
    RuleStatus,
    SmallestToMove,
    Tag,
    Transition,
    TransitionStorageClass,
)
from gateway.lifecycle.fates import abortion, expiration, fate
from gateway.lifecycle.rules import DAY_MS, due, prefixes, rules
from gateway.wire.kept import keep
from store.history import Due, Past
from store.records import Attributes, DeleteMarker, Entry, Lock

AB, CD = Tag(key="a", value="b"), Tag(key="c", value="d")
DAY = LifecycleExpiration(days=1)
MARKERS = LifecycleExpiration(expired_object_delete_marker=True)
EARLIER = NoncurrentVersionExpiration(noncurrent_days=1)
ABORT = AbortIncompleteMultipartUpload(days_after_initiation=1)
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)
NOON = 1_700_049_600_000
"""Of a day, in milliseconds since the epoch."""
MIDNIGHT = NOON + DAY_MS // 2


def rule(filter: LifecycleRuleFilter | None = None, **said) -> LifecycleRule:
    said = {"status": RuleStatus.ENABLED} | said
    if filter is None and "prefix" not in said:
        said["prefix"] = ""
    return LifecycleRule(filter=filter, **said)


def where(**said) -> LifecycleRuleFilter:
    return LifecycleRuleFilter(**said)


def both(**said) -> LifecycleRuleFilter:
    return LifecycleRuleFilter(conjunction=LifecycleRuleAndOperator(**said))


ARCHIVE, WARM = TransitionStorageClass.GLACIER, TransitionStorageClass.STANDARD_IA


def archived(**said) -> Transition:
    return Transition(storage_class=ARCHIVE, **said)


def set_aside(days: int = 1, newer: int | None = None) -> NoncurrentVersionTransition:
    return NoncurrentVersionTransition(
        noncurrent_days=days, storage_class=ARCHIVE, newer_noncurrent_versions=newer
    )


def documents(*each: LifecycleRule) -> dict[str, bytes]:
    kept = KeptConfiguration(rules=tuple(checked(each)), smallest_to_move=SmallestToMove.ALL_128K)
    return {CONFIG: keep(kept)}


# --- what they may say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        rule(expiration=DAY),
        rule(prefix="logs/", expiration=LifecycleExpiration(date=NEW_YEAR)),
        rule(where(), expiration=MARKERS),
        rule(where(prefix="logs/"), expiration=DAY, abort_incomplete_multipart_upload=ABORT),
        rule(where(tag=AB), expiration=DAY),
        rule(where(object_size_greater_than=0), noncurrent_version_expiration=EARLIER),
        rule(both(prefix="a", tags=(AB, CD), object_size_less_than=5), expiration=DAY),
        rule(id="x" * 255, expiration=DAY, status=RuleStatus.DISABLED),
        rule(transitions=(archived(days=0),), expiration=DAY),
        rule(
            transitions=(Transition(days=30, storage_class=WARM), archived(days=60)),
            noncurrent_version_transitions=(set_aside(newer=100),),
        ),
        rule(
            noncurrent_version_expiration=NoncurrentVersionExpiration(
                noncurrent_days=1, newer_noncurrent_versions=100
            )
        ),
    ],
)
def test_what_aws_takes_is_taken_and_has_an_id(said):
    (kept,) = checked((said,))

    assert kept.id
    assert replace(kept, id=said.id) == said


MIXED = where(prefix="a", tag=AB)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ((), MalformedXML),
        ((rule(expiration=DAY),) * 1001, MalformedXML),
        ((rule(expiration=DAY, id="one"),) * 2, InvalidArgument),
        ((rule(expiration=DAY, id="x" * 256),), InvalidArgument),
        ((rule(expiration=DAY, prefix=None),), MalformedXML),
        ((rule(where(), expiration=DAY, prefix=""),), MalformedXML),
        ((rule(where(), expiration=DAY), rule(expiration=DAY)), InvalidRequest),
        ((rule(expiration=DAY, prefix="x" * 1025),), InvalidRequest),
        ((rule(),), InvalidRequest),
        ((rule(expiration=LifecycleExpiration()),), MalformedXML),
        ((rule(expiration=LifecycleExpiration(days=1, date=NEW_YEAR)),), MalformedXML),
        ((rule(expiration=LifecycleExpiration(days=0)),), InvalidArgument),
        ((rule(expiration=LifecycleExpiration(days=1 << 31)),), InvalidArgument),
        ((rule(transitions=(archived(days=1 << 31),)),), InvalidArgument),
        ((rule(expiration=LifecycleExpiration(date=NEW_YEAR.replace(hour=1))),), InvalidArgument),
        ((rule(noncurrent_version_expiration=NoncurrentVersionExpiration()),), MalformedXML),
        (
            (rule(noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=0)),),
            InvalidArgument,
        ),
        (
            (
                rule(
                    noncurrent_version_expiration=NoncurrentVersionExpiration(
                        noncurrent_days=1, newer_noncurrent_versions=101
                    )
                ),
            ),
            InvalidArgument,
        ),
        (
            (rule(abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload()),),
            MalformedXML,
        ),
        ((rule(where(tag=AB), abort_incomplete_multipart_upload=ABORT),), InvalidRequest),
        ((rule(where(tag=AB), expiration=MARKERS),), InvalidRequest),
        ((rule(where(object_size_less_than=9), expiration=MARKERS),), InvalidRequest),
        ((rule(both(tags=(AB, AB)), expiration=DAY),), InvalidRequest),
        (
            (
                rule(
                    both(object_size_greater_than=5, object_size_less_than=6),
                    expiration=DAY,
                ),
            ),
            InvalidRequest,
        ),
        ((rule(MIXED, expiration=DAY),), MalformedXML),
        ((rule(transitions=(Transition(days=1),)),), MalformedXML),
        ((rule(transitions=(Transition(storage_class=ARCHIVE),)),), MalformedXML),
        ((rule(transitions=(archived(days=1, date=NEW_YEAR),)),), MalformedXML),
        ((rule(transitions=(archived(date=NEW_YEAR.replace(minute=1)),)),), InvalidArgument),
        ((rule(transitions=(archived(days=1),), expiration=DAY),), InvalidArgument),
        ((rule(transitions=(archived(date=NEW_YEAR),), expiration=DAY),), InvalidRequest),
        ((rule(transitions=(archived(days=1), archived(days=2))),), InvalidRequest),
        (
            (rule(transitions=(Transition(days=29, storage_class=WARM),)),),
            InvalidArgument,
        ),
        (
            (rule(noncurrent_version_transitions=(NoncurrentVersionTransition(),)),),
            MalformedXML,
        ),
        ((rule(noncurrent_version_transitions=(set_aside(newer=101),)),), InvalidArgument),
        (
            (
                rule(
                    noncurrent_version_transitions=(set_aside(),),
                    noncurrent_version_expiration=EARLIER,
                ),
            ),
            InvalidArgument,
        ),
    ],
)
def test_what_aws_refuses_is_refused(said, error):
    with pytest.raises(error):
        checked(said)


def test_for_rgw_a_filter_may_say_several_things():
    differences = NAMED["rgw"]
    (kept,) = checked((rule(MIXED, expiration=DAY),), differences)
    assert kept.filter == MIXED

    apart = LifecycleRuleFilter(
        prefix="b", conjunction=LifecycleRuleAndOperator(prefix="a", tags=(AB,))
    )
    with pytest.raises(MalformedXML):
        checked((rule(apart, expiration=DAY),), differences)


# --- which versions they are about ----------------------------------------------------------------


def entry(key: bytes = b"a/k", *, size: int = 10, modified: int = NOON, **tags: str) -> Entry:
    return Entry(1, key, 5, size, b"", "", modified, "", Attributes(tags=tags))


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        (where(), True),
        (where(prefix="a/"), True),
        (where(prefix="b"), False),
        (where(tag=AB), True),
        (where(tag=CD), False),
        (where(tag=Tag(key="a", value="c")), False),
        (where(object_size_greater_than=9), True),
        (where(object_size_greater_than=10), False),
        (where(object_size_less_than=11), True),
        (where(object_size_less_than=10), False),
        (both(prefix="a", tags=(AB,)), True),
        (both(prefix="a", tags=(AB, CD)), False),
        (both(object_size_greater_than=9, object_size_less_than=11), True),
    ],
)
def test_all_that_a_filter_says_must_hold(filter, holds):
    (compiled,) = rules(documents(rule(filter, expiration=DAY)))

    assert compiled.holds(entry(a="b", x="y")) is holds


def test_disabled_rules_are_none():
    assert rules(documents(rule(expiration=DAY, status=RuleStatus.DISABLED))) == ()
    assert rules({}) == ()


@given(st.lists(st.text("ab", max_size=4), min_size=1, max_size=6), st.text("ab", max_size=6))
def test_the_fewest_prefixes_cover_the_same_keys(said, key):
    compiled = rules(documents(*[rule(prefix=prefix, expiration=DAY) for prefix in said]))
    found = prefixes(compiled)

    covered = sum(key.encode().startswith(prefix) for prefix in found)
    assert covered == any(key.startswith(prefix) for prefix in said)


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (NOON, 1, MIDNIGHT + DAY_MS),
        (NOON, 3, MIDNIGHT + 3 * DAY_MS),
        (MIDNIGHT - 1, 1, MIDNIGHT + DAY_MS),
        (MIDNIGHT, 1, MIDNIGHT + DAY_MS),
        (MIDNIGHT + 1, 1, MIDNIGHT + 2 * DAY_MS),
    ],
)
def test_days_end_at_the_next_midnight(start, days, end):
    assert due(start, days) == end


def test_days_of_another_length_end_when_they_do():
    assert due(NOON + 7, 3, 10_000) == NOON + 30_007


def past(version=None, *, replaced=None, newer=0, alone=False) -> Past:
    return Past(version or entry(a="b"), 5, 4, replaced, newer, alone)


def marker(modified: int = NOON) -> DeleteMarker:
    return DeleteMarker(1, b"a/k", "v", modified, "")


def last_moment(said: LifecycleRule, what: Past) -> int | None:
    """The first millisecond at which it has to go, sought among days."""
    compiled = rules(documents(said))
    days = [MIDNIGHT + n * DAY_MS for n in range(-2, 5)]
    times = sorted(at + more for at in days for more in (-1, 0))
    return next((now for now in times if fate(compiled, what, now) == Due(what)), None)


RETAINED = NoncurrentVersionExpiration(noncurrent_days=1, newer_noncurrent_versions=2)
TODAY = LifecycleExpiration(date=datetime.fromtimestamp(MIDNIGHT / 1000, UTC))
NOW = MIDNIGHT - 2 * DAY_MS - 1


@pytest.mark.parametrize(
    ("said", "what", "when"),
    [
        (rule(expiration=DAY), past(), MIDNIGHT + DAY_MS),
        (rule(expiration=TODAY), past(), MIDNIGHT),
        (rule(expiration=DAY), past(replaced=NOON), None),
        (rule(expiration=MARKERS), past(), None),
        (rule(expiration=MARKERS), past(marker(), alone=True), NOW),
        (rule(expiration=MARKERS), past(marker()), None),
        (rule(expiration=DAY), past(marker(), alone=True), MIDNIGHT + DAY_MS),
        (rule(expiration=DAY), past(marker()), None),
        (rule(where(tag=AB), expiration=DAY), past(marker(), alone=True), None),
        (rule(noncurrent_version_expiration=EARLIER), past(), None),
        (
            rule(noncurrent_version_expiration=EARLIER),
            past(replaced=NOON + DAY_MS),
            MIDNIGHT + 2 * DAY_MS,
        ),
        (
            rule(noncurrent_version_expiration=EARLIER),
            past(marker(), replaced=NOON),
            MIDNIGHT + DAY_MS,
        ),
        (rule(noncurrent_version_expiration=RETAINED), past(replaced=NOON, newer=1), None),
        (
            rule(noncurrent_version_expiration=RETAINED),
            past(replaced=NOON, newer=2),
            MIDNIGHT + DAY_MS,
        ),
        (rule(abort_incomplete_multipart_upload=ABORT), past(), None),
    ],
)
def test_each_action_has_its_time(said, what, when):
    assert last_moment(said, what) == when


def test_an_earlier_version_that_is_locked_stays():
    compiled = rules(documents(rule(noncurrent_version_expiration=EARLIER)))
    locked = replace_lock(entry(), Lock(retain_until=NOON + 9 * DAY_MS))

    assert fate(compiled, past(locked, replaced=NOON), NOON + 8 * DAY_MS) is None
    assert fate(compiled, past(locked, replaced=NOON), NOON + 10 * DAY_MS)
    hidden = rules(documents(rule(expiration=DAY)))
    assert fate(hidden, past(locked), NOON + 8 * DAY_MS)  # a delete marker harms nobody


def replace_lock(what: Entry, lock: Lock) -> Entry:
    return msgspec.structs.replace(what, attributes=Attributes(lock=lock))


LARGE = where(object_size_greater_than=0)
NEXT = MIDNIGHT + DAY_MS


@pytest.mark.parametrize(
    ("said", "what", "moved"),
    [
        (rule(LARGE, transitions=(archived(days=1),)), past(), "GLACIER"),
        (rule(LARGE, transitions=(archived(days=0),)), past(), "GLACIER"),
        (rule(LARGE, transitions=(archived(days=2),)), past(), None),
        (rule(LARGE, transitions=(archived(date=TODAY.date),)), past(), "GLACIER"),
        (rule(LARGE, transitions=(archived(days=1),)), past(replaced=NOON), None),
        (rule(LARGE, transitions=(archived(days=1),)), past(marker(), alone=True), None),
        (rule(where(prefix="b"), transitions=(archived(days=1),)), past(), None),
        (rule(LARGE, noncurrent_version_transitions=(set_aside(),)), past(), None),
        (
            rule(LARGE, noncurrent_version_transitions=(set_aside(),)),
            past(replaced=NOON),
            "GLACIER",
        ),
        (
            rule(LARGE, noncurrent_version_transitions=(set_aside(newer=1),)),
            past(replaced=NOON),
            None,
        ),
        (
            rule(
                LARGE,
                transitions=(
                    archived(days=1),
                    Transition(days=0, storage_class=TransitionStorageClass.GLACIER_IR),
                ),
            ),
            past(),
            "GLACIER",
        ),
        (rule(transitions=(archived(days=1),)), past(), None),
        (rule(transitions=(archived(days=1),)), past(entry(size=128 * 1024)), "GLACIER"),
    ],
)
def test_objects_move_to_the_coldest_class_that_is_due(said, what, moved):
    found = fate(rules(documents(said)), what, NEXT)

    assert found == (Due(what, moved) if moved else None)


def test_archives_take_small_objects_where_the_bucket_says_so():
    said = rule(transitions=(archived(days=1),))
    kept = KeptConfiguration(rules=(said,), smallest_to_move=SmallestToMove.VARIES)

    assert fate(rules({CONFIG: keep(kept)}), past(), NEXT)


@pytest.mark.parametrize(
    ("storage_class", "moves"),
    [("STANDARD_IA", True), ("GLACIER", False), ("DEEP_ARCHIVE", False), ("SNOW", True)],
)
def test_nothing_moves_back(storage_class, moves):
    kept = Attributes(headers={"x-amz-storage-class": storage_class})
    was = msgspec.structs.replace(entry(), attributes=kept)
    compiled = rules(documents(rule(LARGE, transitions=(archived(days=1),))))

    assert bool(fate(compiled, past(was), NEXT)) is moves


# --- what answers say of it -----------------------------------------------------------------------


def test_the_rule_that_comes_first_is_told():
    said = documents(
        rule(expiration=LifecycleExpiration(days=3), id="late"),
        rule(expiration=DAY, id="a rule/1"),
        rule(prefix="other", expiration=TODAY),
    )
    assert expiration(said, entry()) == (
        'expiry-date="Fri, 17 Nov 2023 00:00:00 GMT", rule-id="a%20rule%2F1"'
    )
    assert expiration(said, entry(b"other"))
    assert expiration(documents(rule(prefix="b", expiration=DAY)), entry()) is None
    assert expiration({}, entry()) is None


def test_what_expires_after_all_time_can_be_told():
    ever = LifecycleExpiration(days=(1 << 31) - 1)
    said = documents(rule(expiration=ever, id="x"))

    assert expiration(said, entry()) == ('expiry-date="Fri, 31 Dec 9999 00:00:00 GMT", rule-id="x"')
    assert fate(rules(said), past(), NOON) is None


def test_an_id_cannot_end_a_header():
    said = documents(
        rule(expiration=DAY, abort_incomplete_multipart_upload=ABORT, id="é\r\nset-cookie: x")
    )
    quoted = "%C3%A9%0D%0Aset-cookie%3A%20x"
    assert expiration(said, entry()).endswith(f'rule-id="{quoted}"')
    assert abortion(said, b"k", NOON)[1] == quoted


def test_uploads_know_when_they_are_aborted():
    said = documents(
        rule(prefix="a", abort_incomplete_multipart_upload=ABORT, id="one"),
        rule(prefix="", expiration=DAY),
    )
    assert abortion(said, b"a/k", NOON) == (datetime(2023, 11, 17, tzinfo=UTC), "one")
    assert abortion(said, b"b", NOON) == (None, None)

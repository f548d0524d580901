"""Conditional headers, pure: AWS's precedence, RFC 9110's comparisons."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway import conditions
from gateway.conditions import Conditions
from gateway.errors import NotModified, PreconditionFailed, S3NotImplemented
from store.records import Attributes, Entry, Expect

CHANGED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NOW = CHANGED + timedelta(days=1)
BEFORE = CHANGED - timedelta(seconds=1)
AFTER = CHANGED + timedelta(seconds=1)
FUTURE = NOW + timedelta(seconds=1)
ETAG = "0cc175b9c0f1b6a831c399e269772661"
QUOTED = f'"{ETAG}"'
WEAK = f'W/"{ETAG}"'
OTHER = '"ffffffffffffffffffffffffffffffff"'
ENTRY = Entry(
    bucket=1,
    key=b"k",
    seq=1,
    size=1,
    cid=b"",
    etag=ETAG,
    modified=int(CHANGED.timestamp() * 1000) + 999,
    owner="",
    attributes=Attributes(),
)

OK, CHANGED_SINCE, UNCHANGED = None, PreconditionFailed, NotModified

READS = [
    (Conditions(), OK),
    # If-Match compares strongly
    (Conditions(if_match=QUOTED), OK),
    (Conditions(if_match=ETAG), OK),
    (Conditions(if_match="*"), OK),
    (Conditions(if_match=f"{OTHER}, {QUOTED}"), OK),
    (Conditions(if_match=OTHER), CHANGED_SINCE),
    (Conditions(if_match=WEAK), CHANGED_SINCE),
    (Conditions(if_match=""), CHANGED_SINCE),
    # If-None-Match compares weakly
    (Conditions(if_none_match=QUOTED), UNCHANGED),
    (Conditions(if_none_match=ETAG), UNCHANGED),
    (Conditions(if_none_match=WEAK), UNCHANGED),
    (Conditions(if_none_match="*"), UNCHANGED),
    (Conditions(if_none_match=f"{OTHER} ,{WEAK}"), UNCHANGED),
    (Conditions(if_none_match=OTHER), OK),
    # dates count whole seconds, the object's milliseconds do not make it newer
    (Conditions(if_unmodified_since=CHANGED), OK),
    (Conditions(if_unmodified_since=AFTER), OK),
    (Conditions(if_unmodified_since=BEFORE), CHANGED_SINCE),
    (Conditions(if_modified_since=CHANGED), UNCHANGED),
    (Conditions(if_modified_since=AFTER), UNCHANGED),
    (Conditions(if_modified_since=BEFORE), OK),
    (Conditions(if_modified_since=NOW), UNCHANGED),
    (Conditions(if_modified_since=FUTURE), OK),
    # ETags win over dates
    (Conditions(if_match=QUOTED, if_unmodified_since=BEFORE), OK),
    (Conditions(if_match=OTHER, if_unmodified_since=AFTER), CHANGED_SINCE),
    (Conditions(if_none_match=OTHER, if_modified_since=AFTER), OK),
    (Conditions(if_none_match=QUOTED, if_modified_since=BEFORE), UNCHANGED),
    # 412 wins over 304
    (Conditions(if_match=OTHER, if_none_match=QUOTED), CHANGED_SINCE),
    (Conditions(if_match=QUOTED, if_none_match=QUOTED), UNCHANGED),
    (Conditions(if_unmodified_since=BEFORE, if_modified_since=AFTER), CHANGED_SINCE),
]


@pytest.mark.parametrize(("asked", "refusal"), READS)
def test_a_read_is_decided_by_its_conditions(asked, refusal):
    if refusal is None:
        conditions.check_read(asked, ENTRY, NOW)
        return
    with pytest.raises(refusal):
        conditions.check_read(asked, ENTRY, NOW)


@pytest.mark.parametrize(("asked", "refusal"), READS)
def test_a_copy_source_is_decided_alike_but_always_by_412(asked, refusal):
    if refusal is None:
        conditions.check_source(asked, ENTRY, NOW)
        return
    with pytest.raises(PreconditionFailed) as refused:
        conditions.check_source(asked, ENTRY, NOW)
    assert refused.value.extras["Condition"].startswith("x-amz-copy-source-If-")


def test_not_modified_tells_which_version_the_caller_has():
    with pytest.raises(NotModified) as refused:
        conditions.check_read(Conditions(if_none_match="*"), ENTRY, NOW)
    assert refused.value.headers == {
        "ETag": QUOTED,
        "Last-Modified": "Mon, 04 May 2026 03:02:01 GMT",
    }


def test_a_failed_precondition_is_named():
    with pytest.raises(PreconditionFailed) as refused:
        conditions.check_read(Conditions(if_match=OTHER), ENTRY, NOW)
    assert refused.value.extras == {"Condition": "If-Match"}


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "expected"),
    [
        (None, None, Expect()),
        ("*", None, Expect(etags=("*",))),
        (QUOTED, None, Expect(etags=(ETAG,))),
        (ETAG, None, Expect(etags=(ETAG,))),
        (f"{QUOTED}, {OTHER}", None, Expect(etags=(ETAG, OTHER.strip('"')))),
        (None, "*", Expect(not_etags=("*",))),
        (None, QUOTED, Expect(not_etags=(ETAG,))),
        (None, WEAK, Expect(not_etags=(ETAG,))),
    ],
)
def test_a_conditional_write_is_left_to_the_store(if_match, if_none_match, expected):
    assert conditions.expect(if_match, if_none_match) == expected


def test_a_weak_etag_never_lets_a_write_pass():
    assert ETAG not in conditions.expect(WEAK).etags


def test_both_conditions_on_a_write_are_not_implemented():
    with pytest.raises(S3NotImplemented):
        conditions.expect(QUOTED, "*")

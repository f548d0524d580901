"""Whom a statement is about."""

import pytest

from gateway.naming import canonical_id
from gateway.policy.errors import Malformed
from gateway.policy.principals import principals

ANN = canonical_id("ann")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("*", {"ann", "bob", ""}),
        ({"AWS": "*"}, {"ann", "bob", ""}),
        ({"AWS": ["*"]}, {"ann", "bob", ""}),
        ({"AWS": "ann"}, {"ann"}),
        ({"AWS": ["ann", "bob"]}, {"ann", "bob"}),
        ({"AWS": "arn:aws:iam::123456789012:user/ann"}, {"ann"}),
        ({"AWS": "arn:aws:iam:::user/team/ann"}, {"ann"}),
        ({"AWS": "arn:aws:iam::ann:root"}, {"ann"}),
        ({"AWS": "arn:aws:iam::123456789012:user/anna"}, set()),
        ({"AWS": "arn:aws:iam::123456789012:root"}, set()),
        ({"AWS": "arn:aws:iam::YOUR-ACCOUNT:role/ann"}, set()),
        ({"AWS": "arn:aws:sts::1:assumed-role/ann/ann"}, set()),
        ({"AWS": "123456789012"}, set()),
        ({"Service": "ann"}, set()),
        ({"Federated": "ann"}, set()),
        ({"CanonicalUser": ANN}, {"ann"}),
        ({"CanonicalUser": canonical_id("")}, set()),
        ({"AWS": "bob", "CanonicalUser": ANN}, {"ann", "bob"}),
    ],
)
def test_a_principal_names_these_and_nobody_else(value, named):
    who = principals(value)

    assert {each for each in ("ann", "bob", "") if who.name(each)} == named


@pytest.mark.parametrize(
    "value",
    [
        "ann",
        "",
        None,
        [],
        ["*"],
        {},
        {"AWS": []},
        {"AWS": [""]},
        {"AWS": None},
        {"AWS": 123456789012},
        {"AWS": "an*"},
        {"AWS": "a/b"},
        {"AWS": "arn:aws:iam::1:user/*"},
        {"AWS": "arn:aws:iam::1:group/staff"},
        {"AWS": "arn:aws:s3:::bucket"},
        {"CanonicalUser": "ann"},
        {"aws": "*"},
        {"Everyone": "*"},
    ],
)
def test_what_is_no_principal_is_refused(value):
    with pytest.raises(Malformed, match="Invalid principal in policy"):
        principals(value)

"""What a policy says to a question."""

from itertools import permutations

import pytest

from gateway.policy.evaluate import might_allow
from tests.gateway.policy.documents import BUCKET, OBJECTS, asked, policy, says, statement

ALLOW, DENY, NOTHING = "allow", "deny", "nothing"
ANN = {"AWS": "ann"}


@pytest.mark.parametrize(
    ("said", "question", "verdict"),
    [
        ({}, asked(), ALLOW),
        ({}, asked(by=""), ALLOW),
        ({}, asked(action="s3:PutObject"), NOTHING),
        ({}, asked(None), NOTHING),
        ({"Principal": ANN}, asked(), ALLOW),
        ({"Principal": ANN}, asked(by="anna"), NOTHING),
        ({"Principal": ANN}, asked(by=""), NOTHING),
        ({"Effect": "Deny", "NotPrincipal": ANN}, asked(), NOTHING),
        ({"Effect": "Deny", "NotPrincipal": ANN}, asked(by="bob"), DENY),
        ({"Effect": "Deny", "NotPrincipal": ANN}, asked(by=""), DENY),
        ({"Action": "s3:*"}, asked(action="s3:PutObject"), ALLOW),
        ({"Action": "*"}, asked(action="s3:PutObject"), ALLOW),
        ({"Action": "s3:get*"}, asked(), ALLOW),
        ({"Action": "s3:Get*"}, asked(action="s3:ListBucket"), NOTHING),
        ({"NotAction": "s3:PutObject"}, asked(), ALLOW),
        ({"NotAction": "s3:PutObject"}, asked(action="s3:PutObject"), NOTHING),
        ({"Resource": f"{BUCKET}/public/*"}, asked("public/x"), ALLOW),
        ({"Resource": f"{BUCKET}/public/*"}, asked("other/x"), NOTHING),
        ({"Resource": f"{BUCKET}/public/*"}, asked("Public/x"), NOTHING),
        ({"Resource": f"{BUCKET}/a?"}, asked("ab"), ALLOW),
        ({"Resource": f"{BUCKET}/a?"}, asked("a"), NOTHING),
        ({"Resource": f"{BUCKET}*"}, asked(None, action="s3:GetObject"), ALLOW),
        ({"Resource": f"{BUCKET}/home/${{aws:username}}/*"}, asked("home/ann/x"), ALLOW),
        ({"Resource": f"{BUCKET}/home/${{aws:username}}/*"}, asked("home/anna/x"), NOTHING),
        ({"Resource": f"{BUCKET}/home/${{aws:username}}/*"}, asked("home/*/x", by="*"), ALLOW),
        ({"Resource": f"{BUCKET}/home/${{aws:username}}/*"}, asked("home/a/x", by="*"), NOTHING),
        ({"Resource": f"{BUCKET}/home/${{aws:username}}/*"}, asked("home//x", by=""), NOTHING),
        ({"NotResource": f"{BUCKET}/private/*"}, asked("x"), ALLOW),
        ({"NotResource": f"{BUCKET}/private/*"}, asked("private/x"), NOTHING),
    ],
)
def test_one_statement(said, question, verdict):
    assert says(policy(statement(**said)), question) == verdict


STATEMENTS = {
    ALLOW: statement(),
    DENY: statement(Effect="Deny", Principal=ANN),
    NOTHING: statement(Action="s3:PutObject"),
}


@pytest.mark.parametrize("order", list(permutations(STATEMENTS)))
def test_a_deny_outweighs_every_allow_in_any_order(order):
    found = policy(*(STATEMENTS[each] for each in order))

    assert says(found, asked()) == DENY
    assert says(found, asked(by="bob")) == ALLOW
    assert says(found, asked(None)) == NOTHING


def test_the_old_version_takes_a_variable_for_text():
    home = statement(Resource=f"{BUCKET}/${{aws:username}}")
    question = asked("ann")

    assert says(policy(home), question) == ALLOW
    assert says(policy(home, version="2008-10-17"), question) == NOTHING
    assert says(policy(home, version=None), question) == NOTHING


def test_what_might_be_allowed_is_asked_without_a_resource():
    found = policy(
        statement(Principal=ANN, Action="s3:Delete*", Resource=OBJECTS),
        statement(Effect="Deny", Action="s3:*"),
    )

    assert might_allow(found, "ann", "s3:DeleteObject")
    assert not might_allow(found, "bob", "s3:DeleteObject")
    assert not might_allow(found, "ann", "s3:PutObject")

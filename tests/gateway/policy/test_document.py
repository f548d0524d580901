"""What is a policy document, and what AWS's message is for what is none."""

import json

import pytest

from gateway.policy.document import MAX_BYTES, parse
from gateway.policy.errors import Malformed
from tests.gateway.policy.documents import BUCKET, OBJECTS, document, policy, statement

LLAMA_STACK = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "LlamaStackAccess",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::YOUR-ACCOUNT:role/LlamaStackRole"},
      "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "Resource": "arn:aws:s3:::bucket/*"
    },
    {
      "Sid": "LlamaStackBucketAccess",
      "Effect": "Allow",
      "Principal": {"AWS": "arn:aws:iam::YOUR-ACCOUNT:role/LlamaStackRole"},
      "Action": ["s3:ListBucket"],
      "Resource": "arn:aws:s3:::bucket"
    }
  ]
}"""
"""What the S3 files provider of Llama Stack tells its users to put on their bucket."""


def test_the_policy_of_a_seed_is_one():
    assert len(parse(LLAMA_STACK.encode(), "bucket").statements) == 2


@pytest.mark.parametrize(
    "said",
    [
        {"Action": "*"},
        {"Action": "s3:*"},
        {"Action": "S3:getobject"},
        {"Action": ["s3:Get*", "s3:List?ucket"]},
        {"NotAction": "s3:PutObject"},
        {"Resource": [BUCKET, OBJECTS]},
        {"Resource": "*"},
        {"Resource": "arn:aws:s3:::*"},
        {"Resource": "arn:aws:s3:::buck?t/x/${aws:username}/*"},
        {"Resource": "arn:aws-us-gov:s3:::bucket/*"},
        {"NotResource": f"{BUCKET}/private/*"},
        {"Effect": "Deny", "NotPrincipal": {"AWS": "ann"}},
        {"Sid": ""},
        {"Sid": "With spaces, as they come"},
        {"Condition": {}},
    ],
)
def test_statements_that_are_taken(said):
    assert policy(statement(**said)).statements


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17", None])
def test_versions_that_are_taken(version):
    assert policy(statement(), version=version).statements


def test_a_single_statement_needs_no_list():
    body = json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": statement()})
    assert len(parse(body.encode(), "bucket").statements) == 1


SYNTAX = "valid JSON"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", SYNTAX),
        (b"{", SYNTAX),
        (b"[]", SYNTAX),
        (b"null", SYNTAX),
        (b'"x"', SYNTAX),
        (b"\xff{}", SYNTAX),
        (b"[" * 10_000, SYNTAX),
        (b'{"Version": NaN}', SYNTAX),
        (b"{}", "Missing required field Statement"),
        (b'{"Statement": []}', "Missing required field Statement"),
        (b'{"Statement": {}}', "Missing required field Effect"),
        (b'{"Statement": "x"}', "JSON object"),
        (b'{"Statement": [1]}', "JSON object"),
        (b'{"Version": "2012-10-17", "Version": "2008-10-17"}', "Duplicate"),
        (b'{"Version": "2020-01-01", "Statement": []}', "version"),
        (b'{"Version": 2012, "Statement": []}', "version"),
        (b'{"Extra": 1, "Statement": []}', "Unknown field Extra"),
        (b'{"Id": 1, "Statement": []}', "Id"),
        (b" " * (MAX_BYTES + 1), "maximum"),
    ],
)
def test_a_document_that_is_none(text, message):
    with pytest.raises(Malformed, match=message):
        parse(text, "bucket")


def test_the_largest_document_is_taken():
    text = document(statement())

    assert parse(text + b" " * (MAX_BYTES - len(text)), "bucket").statements


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"Effect": None}, "Missing required field Effect"),
        ({"Effect": "allow"}, "Invalid effect: allow"),
        ({"Effect": ["Allow"]}, "Invalid effect"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"NotPrincipal": {"AWS": "ann"}}, "Allow with NotPrincipal"),
        ({"Action": None}, "Missing required field Action"),
        ({"Action": []}, "invalid action"),
        ({"Action": 1}, "invalid action"),
        ({"Action": ["s3:GetObject", ""]}, "invalid action"),
        ({"Action": "s3:GetObjects"}, "invalid action"),
        ({"Action": "ec2:RunInstances"}, "invalid action"),
        ({"Action": "s3:Nothing*"}, "invalid action"),
        ({"Resource": None}, "Missing required field Resource"),
        ({"Resource": []}, "invalid resource"),
        ({"Resource": "bucket/*"}, "invalid resource"),
        ({"Resource": "arn:aws:s3:::other/*"}, "invalid resource"),
        ({"Resource": "arn:aws:s3:::buckets"}, "invalid resource"),
        ({"Resource": "arn:aws:s3:::"}, "invalid resource"),
        ({"Resource": [OBJECTS, "arn:aws:s3:::other/*"]}, "invalid resource"),
        ({"Resource": "arn:aws:sqs:::bucket/*"}, "invalid resource"),
        ({"Resource": {"a": "b"}}, "invalid resource"),
        ({"Sid": 1}, "Statement IDs"),
        ({"Conditions": {}}, "Unknown field Conditions"),
    ],
)
def test_a_statement_that_is_none(said, message):
    with pytest.raises(Malformed, match=message):
        policy(statement(**said))


def test_an_element_and_its_opposite_do_not_go_together():
    for name, value in (("Action", "s3:GetObject"), ("Resource", OBJECTS)):
        with pytest.raises(Malformed, match=f"both {name} and Not{name}"):
            policy(statement() | {f"Not{name}": value})


def test_statement_ids_are_unique():
    with pytest.raises(Malformed, match="unique"):
        policy(statement(Sid="a"), statement(Sid="a"))
    assert policy(statement(Sid=""), statement(Sid="")).statements

"""CreateBucket, HeadBucket, ListBuckets, DeleteBucket, GetBucketLocation, GetBucketVersioning."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from botocore import handlers
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from tests.gateway.conftest import running

_numbers = count(1)


@pytest.fixture
def name():
    """A bucket name that is free."""
    return f"fresh-{next(_numbers)}"


@pytest.fixture(scope="module")
def european(tmp_path_factory):
    """A gateway in another region."""
    with running(tmp_path_factory.mktemp("european"), region="eu-west-1") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A gateway that takes its region seriously."""
    settings = {"region": "eu-west-1", "strict_region": True}
    with running(tmp_path_factory.mktemp("strict"), **settings) as gateway:
        yield gateway


def refusal(call, **arguments) -> tuple[str, int]:
    """Code and status of the error a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def in_region(region: str) -> dict:
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


# --- refused, missing, success -------------------------------------------------------------------

BUCKET_CALLS = {
    "head_bucket": ("403", "404"),
    "delete_bucket": ("AccessDenied", "NoSuchBucket"),
    "get_bucket_location": ("AccessDenied", "NoSuchBucket"),
    "get_bucket_versioning": ("AccessDenied", "NoSuchBucket"),
}


@pytest.mark.parametrize("operation", BUCKET_CALLS)
def test_others_are_refused_on_a_private_bucket(operation, bucket, stranger, anonymous):
    expected = (BUCKET_CALLS[operation][0], 403)

    assert refusal(getattr(stranger, operation), Bucket=bucket) == expected
    assert refusal(getattr(anonymous, operation), Bucket=bucket) == expected


@pytest.mark.parametrize("operation", BUCKET_CALLS)
def test_a_bucket_that_is_not_there(operation, name, s3, stranger, anonymous):
    expected = (BUCKET_CALLS[operation][1], 404)

    for client in (s3, stranger, anonymous):
        assert refusal(getattr(client, operation), Bucket=name) == expected


@pytest.mark.parametrize("operation", BUCKET_CALLS)
def test_the_owner_may(operation, bucket, s3):
    getattr(s3, operation)(Bucket=bucket)


def test_anybody_may_head_a_bucket_they_may_list(public_bucket, stranger, anonymous):
    for client in (stranger, anonymous):
        answer = client.head_bucket(Bucket=public_bucket)
        assert answer["BucketRegion"] == "us-east-1"


@pytest.mark.parametrize("acl", ["public-read", "public-read-write"])
def test_a_public_bucket_is_still_its_owners(acl, new_bucket, s3, stranger, anonymous):
    bucket = new_bucket(ACL=acl)

    for client in (stranger, anonymous):
        assert refusal(client.delete_bucket, Bucket=bucket) == ("AccessDenied", 403)
        assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.head_bucket(Bucket=bucket)


def test_anonymous_has_no_buckets(anonymous, name):
    assert refusal(anonymous.create_bucket, Bucket=name) == ("AccessDenied", 403)
    assert refusal(anonymous.list_buckets) == ("AccessDenied", 403)


# --- CreateBucket --------------------------------------------------------------------------------


def test_a_new_bucket_is_located_owned_and_empty(name, s3):
    assert s3.create_bucket(Bucket=name)["Location"] == f"/{name}"

    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert "Contents" not in s3.list_objects_v2(Bucket=name)


def test_a_bucket_lives_below_the_root_of_its_key(name, s3, gateway):
    s3.create_bucket(Bucket=name)

    record = gateway.store.bucket(name)
    assert record.path == f"{gateway.owner.root}/{name}"
    assert record.owner == gateway.owner.key
    assert record.profile == gateway.config.import_profile


@pytest.mark.parametrize("bad", ["ab", "Upper", "under_score", "192.168.5.4", "xn--x", "a..b"])
def test_a_bad_bucket_name_is_refused(bad, gateway):
    client = gateway.client(gateway.owner)
    client.meta.events.unregister("before-parameter-build.s3", handlers.validate_bucket_name)

    assert refusal(client.create_bucket, Bucket=bad) == ("InvalidBucketName", 400)


@pytest.mark.parametrize("acl", ["private", "public-read", "public-read-write"])
def test_a_bucket_is_made_with_a_canned_acl(acl, name, s3, gateway):
    s3.create_bucket(Bucket=name, ACL=acl)

    assert gateway.store.bucket(name).acl == acl


def test_a_bucket_without_an_acl_gets_the_configured_one(name, s3, gateway):
    s3.create_bucket(Bucket=name)

    assert gateway.store.bucket(name).acl == gateway.config.default_bucket_acl == "private"


def test_without_configuration_a_bucket_is_public_read_as_btip_25_says(tmp_path):
    with running(tmp_path, default_bucket_acl="") as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="bucket")

        assert gateway.store.bucket("bucket").acl == "public-read"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ACL": "public"}, ("InvalidArgument", 400)),
        ({"GrantRead": "id=abc"}, ("InvalidArgument", 400)),
        ({"GrantRead": "id=abc", "ACL": "private"}, ("InvalidRequest", 400)),
        ({"ObjectOwnership": "Nobody"}, ("InvalidArgument", 400)),
        (
            {"ObjectOwnership": "BucketOwnerEnforced", "ACL": "public-read"},
            ("InvalidBucketAclWithObjectOwnership", 400),
        ),
    ],
)
def test_what_a_bucket_cannot_promise_is_refused_and_makes_none(options, expected, name, s3):
    assert refusal(s3.create_bucket, Bucket=name, **options) == expected
    assert refusal(s3.head_bucket, Bucket=name) == ("404", 404)


# --- the name is taken ---------------------------------------------------------------------------


def test_anothers_bucket_cannot_be_made_again(bucket, stranger, s3, gateway):
    refused = refusal(stranger.create_bucket, Bucket=bucket, ACL="public-read")

    assert refused == ("BucketAlreadyExists", 409)
    assert gateway.store.bucket(bucket).owner == gateway.owner.key
    assert gateway.store.bucket(bucket).acl == "private"


def test_making_the_same_bucket_again_is_fine_in_us_east_1(bucket, s3):
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")

    s3.create_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket, ACL="private")

    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"kept"


@pytest.mark.parametrize("change", [{"ACL": "public-read"}, in_region("eu-west-1")])
def test_a_bucket_made_again_otherwise_stays_as_it_was(change, bucket, s3, gateway):
    before = gateway.store.bucket(bucket)

    assert refusal(s3.create_bucket, Bucket=bucket, **change) == ("BucketAlreadyOwnedByYou", 409)
    assert gateway.store.bucket(bucket) == before


def test_elsewhere_an_own_bucket_is_already_owned(european, name):
    client = european.client(european.owner, region_name="eu-west-1")
    client.create_bucket(Bucket=name, **in_region("eu-west-1"))

    again = refusal(client.create_bucket, Bucket=name, **in_region("eu-west-1"))
    assert again == ("BucketAlreadyOwnedByYou", 409)


def test_racing_servers_of_one_key_all_get_their_bucket(name, s3):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: s3.create_bucket(Bucket=name), range(16)))

    assert [answer["Location"] for answer in answers] == [f"/{name}"] * 16


# --- regions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", ["eu-west-1", "not-a-region", "EU", "PACHYDERM"])
def test_any_region_is_accepted_and_given_back(region, name, s3):
    s3.create_bucket(Bucket=name, **in_region(region))

    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == region
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == region


def test_us_east_1_is_an_empty_location(bucket, s3):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_a_bucket_without_a_region_is_in_the_gateways(european, name):
    client = european.client(european.owner, region_name="eu-west-1")
    client.create_bucket(Bucket=name)

    assert client.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"


@pytest.mark.parametrize("region", ["eu west", "eu\r\nx-evil: 1", "x" * 65, "é"])
def test_a_region_that_could_break_a_header_is_refused(region, name, s3):
    expected = ("InvalidLocationConstraint", 400)

    assert refusal(s3.create_bucket, Bucket=name, **in_region(region)) == expected


@pytest.mark.parametrize("options", [{}, in_region("us-west-2")])
def test_a_strict_gateway_refuses_other_regions(options, strict, name):
    client = strict.client(strict.owner, region_name="eu-west-1")

    refused = refusal(client.create_bucket, Bucket=name, **options)
    assert refused == ("IllegalLocationConstraintException", 400)


def test_a_strict_gateway_accepts_its_own_region(strict, name):
    client = strict.client(strict.owner, region_name="eu-west-1")
    client.create_bucket(Bucket=name, **in_region("eu-west-1"))

    assert client.head_bucket(Bucket=name)["BucketRegion"] == "eu-west-1"


# --- ListBuckets ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def collector(gateway):
    """A key of its own with buckets c-0 .. c-6, every other one in Europe."""
    client = gateway.client(gateway.keys.generate())
    for number in range(7):
        options = in_region("eu-west-1") if number % 2 else {}
        client.create_bucket(Bucket=f"collected-{number}", **options)
    return client


def names(answer) -> list[str]:
    return [bucket["Name"] for bucket in answer["Buckets"]]


def test_a_key_sees_its_own_buckets_only(collector, bucket, stranger):
    assert names(collector.list_buckets()) == [f"collected-{n}" for n in range(7)]
    assert bucket not in names(stranger.list_buckets())


def test_a_listed_bucket_says_when_and_where_it_was_made(collector, gateway):
    listed = collector.list_buckets()["Buckets"][1]

    assert listed["BucketRegion"] == "eu-west-1"
    made = gateway.store.bucket("collected-1").created
    assert round(listed["CreationDate"].timestamp() * 1000) == made


def test_the_owner_of_a_list_is_the_caller(s3, gateway):
    owner = s3.list_buckets()["Owner"]

    assert owner["DisplayName"] == gateway.owner.key
    assert len(owner["ID"]) == 64


def test_buckets_come_in_pages(collector):
    seen, token = [], None
    while True:
        options = {"ContinuationToken": token} if token else {}
        page = collector.list_buckets(MaxBuckets=3, **options)
        seen.append(names(page))
        token = page.get("ContinuationToken")
        if token is None:
            break

    assert [len(page) for page in seen] == [3, 3, 1]
    assert [name for page in seen for name in page] == [f"collected-{n}" for n in range(7)]


def test_a_page_that_takes_the_rest_is_the_last(collector):
    assert "ContinuationToken" not in collector.list_buckets(MaxBuckets=7)


def test_buckets_by_prefix(collector):
    answer = collector.list_buckets(Prefix="collected-3")

    assert names(answer) == ["collected-3"]
    assert answer["Prefix"] == "collected-3"
    assert names(collector.list_buckets(Prefix="other")) == []


def test_buckets_by_region_in_pages(collector):
    first = collector.list_buckets(BucketRegion="eu-west-1", MaxBuckets=2)
    rest = collector.list_buckets(
        BucketRegion="eu-west-1", MaxBuckets=2, ContinuationToken=first["ContinuationToken"]
    )

    assert names(first) == ["collected-1", "collected-3"]
    assert names(rest) == ["collected-5"]
    assert "ContinuationToken" not in rest


@pytest.mark.parametrize("wanted", [0, 10001, -1])
def test_a_page_of_buckets_has_1_to_10000(wanted, gateway):
    unchecked = ClientConfig(parameter_validation=False)
    client = gateway.client(gateway.owner, config=unchecked)

    assert refusal(client.list_buckets, MaxBuckets=wanted) == ("InvalidArgument", 400)


def test_a_made_up_bucket_token_is_refused(s3):
    assert refusal(s3.list_buckets, ContinuationToken="bucket-1") == ("InvalidArgument", 400)


# --- DeleteBucket --------------------------------------------------------------------------------


def test_a_deleted_bucket_is_gone_and_its_name_is_free(bucket, s3, stranger):
    answer = s3.delete_bucket(Bucket=bucket)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(s3.head_bucket, Bucket=bucket) == ("404", 404)
    stranger.create_bucket(Bucket=bucket)


def test_a_bucket_with_objects_is_not_deleted(bucket, s3):
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    assert refusal(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)

    s3.delete_object(Bucket=bucket, Key="a")
    s3.delete_bucket(Bucket=bucket)


def test_unfinished_uploads_go_with_their_bucket(bucket, s3):
    s3.create_multipart_upload(Bucket=bucket, Key="a")

    s3.delete_bucket(Bucket=bucket)


def test_defect_1_no_subresource_falls_through_to_the_bucket(bucket, s3):
    """go-btfs: DeleteBucketPolicy deletes the bucket, PutBucketPolicy runs CreateBucket, and
    ?location, ?versioning and ?uploads answer a listing."""
    policy = {"Bucket": bucket, "Policy": "{}"}
    assert refusal(s3.put_bucket_policy, **policy) == ("MalformedPolicy", 400)
    s3.delete_bucket_policy(Bucket=bucket)
    unserved = s3.delete_bucket_analytics_configuration
    assert refusal(unserved, Bucket=bucket, Id="i") == ("NotImplemented", 501)
    s3.delete_bucket_website(Bucket=bucket)

    s3.head_bucket(Bucket=bucket)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)

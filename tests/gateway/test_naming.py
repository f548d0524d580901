"""Names and their written forms."""

import hashlib
from urllib.parse import unquote, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import naming
from gateway.errors import InvalidArgument, InvalidBucketName, MetadataTooLarge

GOOD_BUCKETS = [
    "abc",
    "a-b",
    "a.b",
    "my.bucket-1",
    "1.2.3",
    "1.2.3.4.5",
    "123",
    "a" * 63,
    "a--b",
    "s3alias",
    "mrap",
    "256.1.1.1a",
]
BAD_BUCKETS = [
    "",
    "ab",
    "a" * 64,
    "Abc",
    "a_b",
    "a b",
    "-abc",
    "abc-",
    ".abc",
    "abc.",
    "a..b",
    "a.-b",
    "a-.b",
    "192.168.5.4",
    "999.999.999.999",
    "xn--bucket",
    "sthree-bucket",
    "amzn-s3-demo-bucket",
    "bucket-s3alias",
    "bucket--ol-s3",
    "bucket.mrap",
    "bucket--x-s3",
    "bucket--table-s3",
    "../bucket",
    "..",
    "a/b",
    "abc\n",
    "bücket",
    "abc\u0660",
    "a\0b",
]


@pytest.mark.parametrize("name", GOOD_BUCKETS)
def test_a_bucket_name_is_accepted(name):
    naming.check_bucket_name(name)


@pytest.mark.parametrize("name", BAD_BUCKETS)
def test_a_bucket_name_is_refused(name):
    with pytest.raises(InvalidBucketName) as refused:
        naming.check_bucket_name(name)
    assert refused.value.extras == {"BucketName": name}


@pytest.mark.parametrize(
    ("written", "etag"),
    [
        ('"abc"', "abc"),
        ("abc", "abc"),
        ('W/"abc"', "abc"),
        (' "abc" ', "abc"),
        ('"abc-12"', "abc-12"),
        ("*", "*"),
        ('"', '"'),
        ('""', ""),
    ],
)
def test_an_etag_loses_its_quotes(written, etag):
    assert naming.unquote_etag(written) == etag


@given(st.text("0123456789abcdef-"))
def test_quoting_an_etag_is_undone(etag):
    assert naming.unquote_etag(naming.quote_etag(etag)) == etag


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        (b"a b", "a%20b"),
        (b"a+b", "a%2Bb"),
        (b"a/b//c/", "a/b//c/"),
        (b"a%b", "a%25b"),
        (b"\n\x00\x7f", "%0A%00%7F"),
        ("é".encode(), "%C3%A9"),
        (b"&<>\"'", "%26%3C%3E%22%27"),
        (b"-._~", "-._~"),
        (b"\xff", "%FF"),
    ],
)
def test_url_encoding_of_a_key(key, encoded):
    assert naming.url_key(key) == encoded


@given(st.text())
@example("+ %2B/%20")
def test_both_kinds_of_client_read_back_an_encoded_key(key):
    encoded = naming.url_key(key.encode("utf-8", "surrogatepass"))

    assert unquote(encoded, errors="surrogatepass") == key
    assert unquote_plus(encoded, errors="surrogatepass") == key


@given(st.binary())
def test_a_key_survives_as_text(key):
    assert naming.key_bytes(naming.key_text(key)) == key


@given(st.binary(max_size=2000))
@example(b"")
@example(b"\x00\xff/+")
def test_a_token_carries_any_bytes_and_is_safe_in_a_url(after):
    token = naming.token(after)

    assert naming.token_position(token) == after
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text())
@example("")
@example("a")
@example("AAAA")
@example("ключ")
@example("AAAAAA==")
def test_a_made_up_token_is_refused(text):
    with pytest.raises(InvalidArgument) as refused:
        naming.token_position(text)
    assert refused.value.extras == {
        "ArgumentName": "continuation-token",
        "ArgumentValue": text,
    }


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_token_that_was_cut_or_altered_is_refused(after, data):
    token = naming.token(after)
    at = data.draw(st.integers(0, len(token) - 1))
    other = "A" if token[at] != "A" else "B"

    for broken in (token[:at], token[:at] + other + token[at + 1 :]):
        with pytest.raises(InvalidArgument):
            naming.token_position(broken)


def test_metadata_names_are_lower_case():
    assert naming.user_metadata({"Colour": "Red"}) == {"colour": "Red"}


def test_reserved_metadata_is_left_out_whatever_its_case():
    given = {"CID": "forged", "Btfs-Hash": "forged", "cid2": "kept"}

    assert naming.user_metadata(given, ("cid", "BTFS-hash")) == {"cid2": "kept"}


@pytest.mark.parametrize(
    "metadata",
    [{"a": "x" * 2047}, {"a" * 1024: "b" * 1024}, {"ab": "é" * 1023}, {"cid": "x" * 5000}, {}],
)
def test_metadata_of_2_kib_is_kept(metadata):
    naming.user_metadata(metadata, ("cid",))


@pytest.mark.parametrize(
    "metadata",
    [{"a": "x" * 2048}, {"abc": "é" * 1023}, {str(n): "x" * 100 for n in range(21)}],
)
def test_metadata_above_2_kib_is_refused(metadata):
    with pytest.raises(MetadataTooLarge) as refused:
        naming.user_metadata(metadata)
    assert refused.value.extras["MaxSizeAllowed"] == "2048"


def test_an_owner_has_a_canonical_id_made_of_its_key_id():
    owner = naming.owner("S3GWEXAMPLE")

    assert owner.id == hashlib.sha256(b"S3GWEXAMPLE").hexdigest()
    assert owner.display_name == "S3GWEXAMPLE"


def test_the_anonymous_owner_is_no_key():
    assert naming.owner("") == naming.Owner(id=naming.ANONYMOUS_ID, display_name="anonymous")

"""The fast way to write a page writes what the Shapes of its rows say."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway import wire
from gateway.naming import key_text, owner, url_key
from gateway.operations import listing_page
from gateway.operations.listing import (
    CommonPrefix,
    EncodingType,
    ListObjectsOutput,
    Object,
)
from gateway.operations.versions import (
    DeleteMarkerEntry,
    ListObjectVersionsOutput,
    ObjectVersion,
)
from gateway.wire.shape import Shape, Written
from store.records import (
    Attributes,
    DeleteMarker,
    Entry,
    Listed,
    Traits,
    VersionPage,
)

TRAITS = st.builds(
    Traits,
    st.lists(st.sampled_from(["CRC32", "CRC64NVME", "SHA256", "<&>"]), max_size=2).map(tuple),
    st.sampled_from([None, "FULL_OBJECT", "COMPOSITE"]),
    st.sampled_from([None, "STANDARD", "STANDARD_IA", '"100 %b"']),
)
USUAL = Traits(("CRC64NVME",), "FULL_OBJECT", None)
MILLISECONDS = st.one_of(
    st.integers(0, 4_000_000_000_000), st.integers(1_700_000_000_000, 1_700_000_000_999)
)
NAMES = st.one_of(
    st.binary(max_size=6),
    st.text(max_size=6).map(str.encode),
    st.text("ab/0-_.~", max_size=6).map(str.encode),
    st.sampled_from([b"%b", b"100%", b"a&b", b'"', b"<k>", b"\r\n\t", b"\xc3", b"\xa9", b"\x01"]),
    st.sampled_from(["\ufffe", "\u2603", "\U0001f600", "\x7f", "+ '*"]).map(str.encode),
)
ROWS = st.tuples(
    NAMES,
    MILLISECONDS,
    st.from_regex(rb"[0-9a-f]{32}(-[1-9][0-9]{0,3})?", fullmatch=True),
    st.integers(0, 5 << 40),
    st.one_of(st.just(USUAL), TRAITS),
    st.sampled_from(["", "KEY", "a<b>&%d"]),
)
PAGES = st.builds(lambda rows, prefixes: paged(rows, prefixes), st.lists(ROWS), st.lists(NAMES))


def paged(rows, prefixes=()) -> Listed:
    """A page as the store gives it."""
    return Listed(
        keys=[key for key, *_ in rows],
        seconds=[modified // 1000 for _, modified, *_ in rows],
        milliseconds=[modified % 1000 for _, modified, *_ in rows],
        etags=[etag for _, _, etag, *_ in rows],
        sizes=[size for _, _, _, size, *_ in rows],
        traits=[msgspec.msgpack.encode(traits) for *_, traits, _ in rows],
        owners=[owner for *_, owner in rows],
        prefixes=list(prefixes),
        last=None,
        more=False,
    )


def shapes(page: Listed, kind: type[Shape], *, url: bool, owners: bool) -> tuple[Shape, ...]:
    """The definition: each row of a page as its Shape."""
    write = url_key if url else key_text
    rows = []
    for at, packed in enumerate(page.traits):
        modified = page.seconds[at] * 1000 + page.milliseconds[at]
        traits = msgspec.msgpack.decode(packed, type=Traits)
        rows.append(
            kind(
                key=write(page.keys[at]),
                last_modified=datetime.fromtimestamp(modified / 1000, UTC),
                etag=f'"{page.etags[at].decode()}"',
                checksum_algorithm=traits.algorithms,
                checksum_type=traits.checksum_type,
                size=page.sizes[at],
                storage_class=traits.storage_class or "STANDARD",
                owner=owner(page.owners[at]) if owners else None,
            )
        )
    return tuple(rows)


def prefix_shapes(page: Listed, *, url: bool) -> tuple[CommonPrefix, ...]:
    write = url_key if url else key_text
    return tuple(CommonPrefix(prefix=write(prefix)) for prefix in page.prefixes)


def objects_document(contents, prefixes) -> bytes:
    output = ListObjectsOutput(
        name="bucket",
        prefix="p&%d",
        marker="",
        next_marker=None,
        max_keys=1000,
        delimiter="/",
        is_truncated=False,
        encoding_type=EncodingType.URL,
        contents=contents,
        common_prefixes=prefixes,
    )
    return wire.render(output, status=200).body


def versions_document(versions, markers=()) -> bytes:
    output = ListObjectVersionsOutput(
        name="bucket",
        prefix="",
        key_marker="",
        version_id_marker="",
        next_key_marker=None,
        next_version_id_marker=None,
        max_keys=1000,
        delimiter=None,
        is_truncated=False,
        encoding_type=None,
        versions=versions,
        delete_markers=markers,
        common_prefixes=(),
    )
    return wire.render(output, status=200).body


@given(PAGES, st.booleans(), st.booleans())
@example(paged([]), False, False)
@example(paged([], [b"\xc3", b"\xa9"]), False, False)
def test_objects_are_written_as_their_shapes_say(page, url, owners):
    written = objects_document(
        listing_page.objects(page, url=url, owners=owners),
        listing_page.common_prefixes(page.prefixes, url=url),
    )

    contents = shapes(page, Object, url=url, owners=owners)
    assert written == objects_document(contents, prefix_shapes(page, url=url))


@given(PAGES, st.booleans())
def test_versions_are_written_as_their_shapes_say(page, url):
    written = versions_document(listing_page.only_versions(page, url=url))

    rows = shapes(page, ObjectVersion, url=url, owners=True)
    assert written == versions_document(rows)


def stored(row, version) -> Entry:
    key, modified, etag, size, traits, owner = row
    headers = {"x-amz-storage-class": traits.storage_class} if traits.storage_class else {}
    said = Attributes(
        headers=headers,
        checksums=dict.fromkeys(traits.algorithms, "AAAAAA=="),
        checksum_type=traits.checksum_type,
    )
    text = etag.decode()
    return Entry(1, key, 1, size, b"", text, modified, owner, said, version=version)


def version_shape(each: Entry | DeleteMarker, latest: bool, *, url: bool) -> Shape:
    write = url_key if url else key_text
    common = {
        "key": write(each.key),
        "version_id": each.version,
        "is_latest": latest,
        "last_modified": datetime.fromtimestamp(each.modified / 1000, UTC),
        "owner": owner(each.owner),
    }
    if isinstance(each, DeleteMarker):
        return DeleteMarkerEntry(**common)
    return ObjectVersion(
        **common,
        etag=f'"{each.etag}"',
        checksum_algorithm=tuple(dict.fromkeys(each.attributes.checksums)),
        checksum_type=each.attributes.checksum_type,
        size=each.size,
        storage_class=each.attributes.headers.get("x-amz-storage-class", "STANDARD"),
    )


@given(st.lists(st.tuples(ROWS, st.booleans(), st.booleans())), st.booleans())
def test_versions_and_markers_are_written_as_their_shapes_say(rows, url):
    versions = [
        DeleteMarker(1, row[0], "null", row[1], row[-1]) if marker else stored(row, "f" * 32)
        for row, marker, _ in rows
    ]
    latest = [each for *_, each in rows]
    page = VersionPage(versions, latest, [], None, None, more=False)

    # In their place, unlike the members of a Shape: so row by row.
    for piece, each, newest in zip(
        listing_page.versions(page, url=url).pieces, versions, latest, strict=True
    ):
        shape = version_shape(each, newest, url=url)
        if isinstance(each, DeleteMarker):
            wanted = versions_document((), (shape,))
        else:
            wanted = versions_document((shape,))
        assert versions_document(Written([piece])) == wanted


@pytest.mark.parametrize("count", [1, 127, 128, 129, 256, 1000])
@pytest.mark.parametrize("odd", [False, True])
def test_a_page_of_any_length_is_whole(count, odd):
    row = (b"0" * 32, 7, USUAL, "KEY")
    keys = [b"dir&/%d" % n if odd else b"dir/%d" % n for n in range(count)]
    page = paged([(key, n * 777, *row) for n, key in enumerate(keys)], keys)

    written = objects_document(
        listing_page.objects(page, url=False, owners=True),
        listing_page.common_prefixes(page.prefixes, url=False),
    )

    contents = shapes(page, Object, url=False, owners=True)
    assert written == objects_document(contents, prefix_shapes(page, url=False))
    assert written.count(b"<Contents>") == written.count(b"<CommonPrefixes>") == count


def test_only_what_is_written_stands_for_rows():
    page = paged([(b"key", 0, b"0" * 32, 0, USUAL, "KEY")])

    written = listing_page.objects(page, url=False, owners=False)

    assert isinstance(written, Written)
    assert b"".join(written.pieces).startswith(b"<Contents><Key>key</Key><LastModified>1970-01-01T")

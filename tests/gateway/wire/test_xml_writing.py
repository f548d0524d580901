"""XML out: string building must write what a tree would, and say anything without raising."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.wire.shape import Shape, Xml, is_shape
from gateway.wire.text import xml_form
from gateway.wire.xml_reading import read_document
from gateway.wire.xml_writing import NAMESPACE, XSI, document
from tests.gateway.wire.shapes import Color, Grant, Grantee, Item, Page, Region

NOW = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)

LEGAL = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters=[chr(c) for c in range(32) if chr(c) not in "\t\n\r"] + ["￾", "￿"],
    ),
    max_size=12,
)
MOMENTS = st.datetimes(datetime(1000, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


def shapes(kind: type[Shape]) -> st.SearchStrategy[Shape]:
    return st.builds(kind, **{member.name: values(member) for member in kind.wire_members})


def values(member: Any) -> st.SearchStrategy[Any]:
    simple = {
        str: LEGAL,
        int: st.integers(0, 10**17),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        datetime: MOMENTS,
        Color: st.sampled_from(Color),
    }
    one = shapes(member.type) if is_shape(member.type) else simple[member.type]
    if member.many:
        return st.lists(one, max_size=4).map(tuple)
    return one if member.required else st.none() | one


def tree(shape: Shape, name: str) -> Any:
    """``shape`` the slow way: element by element, with lxml doing the writing."""
    element = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={None: NAMESPACE, "xsi": XSI})
    for member in type(shape).wire_members:
        value, mark = getattr(shape, member.name), member.mark
        if value is None:
            continue
        if not member.many:
            add(element, member, value)
            continue
        if mark.member is None:
            within, called = element, mark.name
        else:
            within, called = etree.SubElement(element, f"{{{NAMESPACE}}}{mark.name}"), mark.member
        for one in value:
            within.append(leaf(member, called, one))
    return element


def add(element: Any, member: Any, value: Any) -> None:
    mark: Xml = member.mark
    if mark.attribute:
        element.set(f"{{{XSI}}}type", value)
    elif not mark.name:
        element.text = value
    else:
        element.append(leaf(member, mark.name, value))


def leaf(member: Any, name: str, value: Any) -> Any:
    if is_shape(member.type):
        return tree(value, name)
    element = etree.Element(f"{{{NAMESPACE}}}{name}")
    element.text = xml_form(member.type)[1](value)
    return element


def canonical(element: Any) -> bytes:
    """One form for all trees that mean the same, whatever prefixes are declared where."""
    return etree.tostring(element, method="c14n", exclusive=True)


@given(shapes(Page) | shapes(Region))
def test_what_is_written_is_the_tree_lxml_builds(shape: Shape):
    root = type(shape).root
    assert root is not None
    written = etree.fromstring(document(shape, root))
    built = etree.fromstring(etree.tostring(tree(shape, root)))

    assert canonical(written) == canonical(built)


@given(shapes(Page))
def test_what_is_written_is_read_back(shape: Shape):
    read = Page(**read_document(Page, document(shape, "PageResult")))

    assert read == shape


@given(st.text(st.characters(), max_size=20))
def test_any_text_is_written_as_utf8_without_raising(text: str):
    document(Page(name=text, prefix=text), "PageResult").decode()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a&b<c>d", "a&amp;b&lt;c&gt;d"),
        ('"quoted"', "&quot;quoted&quot;"),
        ("a\rb\nc\td", "a&#13;b\nc\td"),
        ("a\x00b", "a&#x0;b"),
        ("a\x01b\x1f", "a&#x1;b&#x1f;"),
        ("\ud800", "&#xd800;"),
        ("￿", "&#xffff;"),
        ("]]>", "]]&gt;"),
        ("grüße €\U0001f600", "grüße €\U0001f600"),
    ],
)
def test_text_is_escaped_as_aws_does(text: str, written: str):
    assert f"<Name>{written}</Name>" in document(Page(name=text), "PageResult").decode()


def test_one_odd_key_does_not_change_the_others():
    keys = ["plain", "a&b", '"', "c\x01"]
    items = tuple(Item(key=key, last_modified=NOW, etag='"e"', size=1) for key in keys)

    text = document(Page(name="n", items=items), "PageResult").decode()

    found = [part.partition("</Key>")[0] for part in text.split("<Key>")[1:]]
    assert found == ["plain", "a&amp;b", "&quot;", "c&#x1;"]


def test_a_whole_document():
    grantee = Grantee(type="CanonicalUser", id="x")
    item = Item(
        key="k", last_modified=NOW, etag='"e"', size=0, latest=False, digest=b"\x00", colors=(
            Color.RED, Color.DEEP_BLUE
        )
    )  # fmt: skip
    page = Page(name="n", items=(item,), grants=(Grant(grantee=grantee, permission="READ"),))

    assert document(page, "PageResult").decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<PageResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>n</Name>'
        "<Item><Key>k</Key><LastModified>2024-02-29T12:00:00.123Z</LastModified>"
        "<ETag>&quot;e&quot;</ETag><Color2>red</Color2><Color2>deep-blue</Color2><Size>0</Size>"
        "<IsLatest>false</IsLatest><Digest>AA==</Digest></Item>"
        '<Grants><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:type="CanonicalUser"><ID>x</ID></Grantee><Permission>READ</Permission></Grant>'
        "</Grants></PageResult>"
    )


def test_empty_lists_leave_only_their_wrapper():
    text = document(Page(name=""), "PageResult").decode()

    assert text.endswith("<Name></Name><Grants/></PageResult>")


def test_a_region_is_the_text_of_its_element():
    opening = '<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'

    assert (
        document(Region(region="eu-west-1"), "LocationConstraint")
        .decode()
        .endswith(f"{opening}eu-west-1</LocationConstraint>")
    )
    assert (
        document(Region(), "LocationConstraint")
        .decode()
        .endswith(f"{opening}</LocationConstraint>")
    )

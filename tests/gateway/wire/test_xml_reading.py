"""XML in: one reading of untrusted bytes, or the shape's error."""

import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MalformedACLError, MalformedXML
from gateway.wire.xml_reading import read_document
from tests.gateway.wire.shapes import Item, Page, Policy, Region
from tests.torture.measured import resident_bytes

ITEM = (
    "<Item><Key>k</Key><LastModified>2020-01-01T00:00:00Z</LastModified>"
    "<ETag>e</ETag><Size>1</Size></Item>"
)
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def page(inner: str = "<Name>n</Name>", root: str = "PageResult") -> Page:
    return Page(**read_document(Page, f"<{root}>{inner}</{root.partition(' ')[0]}>".encode()))


@pytest.mark.parametrize(
    "root", ["PageResult", f"PageResult {NS}", 'PageResult xmlns="urn:other" x="1"']
)
def test_the_namespace_is_optional(root: str):
    assert page(f"<Name>n</Name>{ITEM}", root).items[0].key == "k"


def test_prefixes_do_not_matter():
    text = f"<s3:PageResult {NS.replace('xmlns', 'xmlns:s3')}><s3:Name>n</s3:Name></s3:PageResult>"

    assert Page(**read_document(Page, text.encode())).name == "n"


def test_order_is_free_and_unknown_elements_are_ignored():
    read = page(f"<New><Name>no</Name></New>{ITEM}<Name>n</Name>{ITEM}<Other/>")

    assert (read.name, len(read.items)) == ("n", 2)


@pytest.mark.parametrize("inner", ["<Name> n\n</Name>", "<Name><![CDATA[ n\n]]></Name>"])
def test_text_keeps_its_white_space(inner: str):
    assert page(inner).name == " n\n"


def test_comments_and_instructions_are_not_there():
    assert page("<Name>a<!-- x -->b<?x y?>c</Name>").name == "abc"


def test_other_types_lose_their_white_space():
    inner = ITEM.replace("<Size>1<", "<Size>\n 1\t<").replace(
        "</Item>", "<Color> red </Color></Item>"
    )
    item = page(f"<Name>n</Name>{inner}").items[0]

    assert (item.size, item.color) == (1, "red")


def test_an_attribute_is_found_by_its_namespace():
    grants = (
        '<AccessControlList><Grant><Grantee xmlns:q="http://www.w3.org/2001/XMLSchema-instance" '
        'q:type="Group"><ID>i</ID></Grantee><Permission>READ</Permission></Grant><Odd/>'
        "</AccessControlList>"
    )
    policy = Policy(**read_document(Policy, f"<Policy>{grants}</Policy>".encode()))

    assert policy.grants[0].grantee.type == "Group"


def test_the_text_of_the_root_can_be_a_member():
    assert read_document(Region, b"<LocationConstraint>eu</LocationConstraint>") == {"region": "eu"}


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "no xml",
        "<PageResult>",
        "<PageResult><Name>n</PageResult>",
        "<PageResult><Name>n</Name></PageResult><PageResult/>",
        "<Other><Name>n</Name></Other>",
        "<PageResult/>",
        "<PageResult><Name>a</Name><Name>b</Name></PageResult>",
        "<PageResult><Name>a<b/></Name></PageResult>",
        f"<PageResult><Name>n</Name>{ITEM.replace('1</Size>', 'x</Size>')}</PageResult>",
        f"<PageResult><Name>n</Name>{ITEM.replace('1</Size>', '</Size>')}</PageResult>",
        f"<PageResult><Name>n</Name>{ITEM.replace('2020-01-01', '2020-13-01')}</PageResult>",
        "<PageResult><Name>n</Name>"
        + ITEM.replace("</Item>", "<Color>green</Color></Item>")
        + "</PageResult>",
        "<PageResult><Name>n</Name>"
        + ITEM.replace("</Item>", "<IsLatest>maybe</IsLatest></Item>")
        + "</PageResult>",
        "<PageResult><Name>n</Name><Item/></PageResult>",
        "<PageResult><Name>n</Name><Grants/><Grants/></PageResult>",
        '<PageResult xmlns:a="x"><b:Name>n</b:Name></PageResult>',
        "<PageResult><Name>&undeclared;</Name></PageResult>",
        "<PageResult><Name>&#1;</Name></PageResult>",
        "<PageResult>" * 300 + "</PageResult>" * 300,
    ],
)
def test_what_is_not_the_document_is_malformed(document: str):
    with pytest.raises(MalformedXML):
        read_document(Page, document.encode())


DOCTYPES = [
    "<!DOCTYPE PageResult>",
    '<!DOCTYPE PageResult SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE PageResult [<!ENTITY e "x">]>',
    '<!DOCTYPE PageResult [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>',
]


@pytest.mark.parametrize("doctype", DOCTYPES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7", "utf-32", "cp037"])
def test_a_document_type_is_refused_in_every_encoding(doctype: str, encoding: str):
    prolog = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = f"{prolog}{doctype}<PageResult><Name>n</Name></PageResult>"

    with pytest.raises(MalformedXML):
        read_document(Page, text.encode(encoding))


def test_entities_do_not_multiply():
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    text = (
        f'<!DOCTYPE PageResult [<!ENTITY l0 "ha">{laughs}]><PageResult a="&l9;">&l9;</PageResult>'
    )

    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(MalformedXML):
            read_document(Page, text.encode(encoding))


def test_other_encodings_without_document_type_are_read():
    text = '<?xml version="1.0" encoding="UTF-16"?><PageResult><Name>ü</Name></PageResult>'

    assert read_document(Page, text.encode("utf-16"))["name"] == "ü"


def test_a_shape_can_have_its_own_error():
    with pytest.raises(MalformedACLError):
        read_document(Policy, b"<Policy><Owner/><Owner/></Policy>")


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: f"<Item>{t}</Item>".encode()))
def test_any_bytes_are_read_or_malformed(document: bytes):
    with pytest.raises(MalformedXML):
        read_document(Item, document)


def test_names_in_documents_are_not_kept():
    def read(number: int) -> None:
        page(f"<Name>n</Name><n{number}-{'x' * 40_000}/>")

    for number in range(200):  # the first are kept for a while
        read(number)
    before = resident_bytes(os.getpid())
    for number in range(200, 2200):  # 80 MB of them
        read(number)

    assert resident_bytes(os.getpid()) - before < 30_000_000  # others of this process grow, too


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_documents_have_the_encoding_they_say(encoding: str):
    text = f"<?xml version='1.0' encoding='{encoding}'?><PageResult><Name>\xe9</Name></PageResult>"

    assert read_document(Page, text.encode(encoding))["name"] == "\xe9"


@pytest.mark.parametrize("encoding", ["none-such", "hex", "undefined"])
def test_encodings_that_are_not_for_xml_are_refused(encoding: str):
    text = f"<?xml version='1.0' encoding='{encoding}'?><PageResult><Name>n</Name></PageResult>"

    with pytest.raises(MalformedXML):
        read_document(Page, text.encode())


def test_a_process_forked_from_one_that_has_read_reads_too():
    page("<Name>n</Name>")
    child = multiprocessing.get_context("fork").Process(target=page, args=("<Name>n</Name>",))
    child.start()
    child.join(20)
    code = child.exitcode
    child.kill()
    child.join()
    assert code == 0


def test_new_names_are_read_however_many_came_before():
    for number in range(600):
        assert page(f"<Name>n</Name><n{number}-{'x' * 40_000}/>").name == "n"

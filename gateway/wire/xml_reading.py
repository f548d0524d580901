"""XML in: untrusted bytes to a shape, or that shape's ``malformed`` error.

No DTD is obeyed and none is accepted: entities are how a small document becomes a large one or
reads a file. A document is read one way only: an element that may be there once is refused when it
is there twice. Elements may come in any order, with or without the S3 namespace; unknown ones are
ignored, as newer clients send some.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

from lxml import etree

from gateway.wire.shape import Member, Shape, Xml, is_shape, marked, per_shape
from gateway.wire.text import xml_form
from gateway.wire.xml_writing import XSI

MOST_BYTES = 4 << 20
"""Of documents, read in one thread."""

Element = etree._Element
Read = Callable[[Element], Any]
"""An element -> its value; ``ValueError`` when it is none."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the members of one shape are in its element."""

    children: dict[str, tuple[str, Read]]
    """Local name of a child element -> member, how to read it."""
    lists: frozenset[str]
    """Members that are all the children of one name."""
    attributes: list[tuple[str, str, Read]]
    """Qualified attribute name, member, how to read the element's attribute."""
    text: str | None
    """The member that is the element's own text."""
    required: frozenset[str]


def root_name(shape: type[Shape]) -> str:
    """The root element of a document of this shape: as declared, else the shape's own name."""
    return shape.root or shape.__name__


def read_document(shape: type[Shape], document: bytes) -> dict[str, Any]:
    """The members of ``shape`` that ``document`` holds. Raises ``shape.malformed``.

    For what clients send. Waits for a thread: not to be called on the event loop.
    """
    return _forgetful.read(shape, document)


def read_own(shape: type[Shape], document: bytes) -> dict[str, Any]:
    """The same of what ``xml_writing`` has written, whose names are few. Does not wait."""
    try:
        return _members(_plan(shape), _root(root_name(shape), document))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise shape.malformed from error


class _Forgetful:
    """Reads in a thread, and after ``MOST_BYTES`` in another one.

    lxml keeps every name for as long as the thread lives that has read it, and from 10 MB on
    takes no new ones: 160 MB of documents with names of their own took as much memory for good.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._lock = Lock()
        self._bytes = MOST_BYTES
        self._thread = ThreadPoolExecutor(1)

    def read(self, shape: type[Shape], document: bytes) -> dict[str, Any]:
        with self._lock:
            self._bytes += len(document)
            if self._bytes > MOST_BYTES:
                self._thread.shutdown(wait=False)
                self._thread, self._bytes = ThreadPoolExecutor(1, "s3gw-xml"), len(document)
            done = self._thread.submit(read_own, shape, document)
        return done.result()


_forgetful = _Forgetful()
os.register_at_fork(after_in_child=_forgetful.begin)  # which has none of our threads


def _root(name: str, document: bytes) -> Element:
    # Looked for twice: before parsing because it is cheap, after because encodings can hide it.
    if b"<!DOCTYPE" in document.replace(b"\0", b""):
        raise ValueError("a document type")
    # A parser of its own: one that is used again keeps names as its thread does.
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(document, parser)
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("a document type")
    if _local_name(root) != name:
        raise ValueError(root.tag)
    return root


def _local_name(element: Element) -> str:
    tag = str(element.tag)
    return tag[tag.rfind("}") + 1 :]


@per_shape
def _plan(shape: type[Shape]) -> _Plan:
    members = marked(shape, Xml)
    elements = [(x, member) for x, member in members if x.name and not x.attribute]
    return _Plan(
        children={x.name: (member.name, _child(x, member)) for x, member in elements},
        lists=frozenset(m.name for x, m in elements if m.many and x.member is None),
        attributes=[_attribute(x, member) for x, member in members if x.attribute],
        text=next((member.name for x, member in members if not x.name), None),
        required=frozenset(member.name for _, member in members if member.required),
    )


def _members(plan: _Plan, element: Element) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if plan.text is not None:
        values[plan.text] = _text(element)
    for qualified, member, read in plan.attributes:
        if qualified in element.attrib:
            values[member] = read(element)
    for child in element if plan.text is None else ():
        known = plan.children.get(_local_name(child))
        if known is None:
            continue
        member, read = known
        if member in plan.lists:
            values.setdefault(member, []).append(read(child))
        elif member in values:
            raise ValueError(f"{member} twice")
        else:
            values[member] = read(child)
    for member in plan.lists & values.keys():
        values[member] = tuple(values[member])
    if not plan.required <= values.keys():
        raise ValueError(f"no {plan.required - values.keys()}")
    return values


def _text(element: Element) -> str:
    if len(element):
        raise ValueError(f"elements in {element.tag}")
    return element.text or ""


def _attribute(mark: Xml, member: Member) -> tuple[str, str, Read]:
    prefix, _, name = mark.name.rpartition(":")
    qualified = f"{{{XSI}}}{name}" if prefix == "xsi" else name
    read, _ = xml_form(member.type)
    return qualified, member.name, lambda element: read(element.attrib[qualified])


def _child(mark: Xml, member: Member) -> Read:
    inner, one = mark.member, _one(member.type)
    if inner is None:
        return one
    return lambda element: tuple([one(e) for e in element if _local_name(e) == inner])


def _one(kind: Any) -> Read:
    if is_shape(kind):
        plan = _plan(kind)
        return lambda element: kind(**_members(plan, element))
    if kind is str:
        return _text
    read, _ = xml_form(kind)
    return lambda element: read(_text(element).strip())

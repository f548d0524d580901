"""Bodies put where they are wanted: every byte once, in order, whatever the cuts."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from store.filling import After, Source, poured

BODIES = st.lists(st.binary(max_size=40), max_size=20)


async def pieces_of(body):
    for piece in body:
        yield piece


async def drawn(source, sizes):
    """What ``source`` gives into rooms of these sizes, and how much of each it filled."""
    out, counts = b"", []
    for size in sizes:
        room = bytearray(size)
        count = await source.fill(memoryview(room))
        out += room[:count]
        counts.append(count)
    return out, counts


@given(head=st.binary(max_size=60), body=BODIES, size=st.integers(1, 50))
async def test_every_byte_comes_once_and_only_the_last_room_is_not_full(head, body, size):
    whole = head + b"".join(body)
    source = Source(head, poured(pieces_of(body)))
    out, counts = await drawn(source, [size] * (len(whole) // size + 2))
    assert out == whole
    assert counts == [size] * (len(whole) // size) + [len(whole) % size, 0]


@given(head=st.binary(max_size=60), body=BODIES)
async def test_asking_for_the_end_loses_nothing(head, body):
    whole = head + b"".join(body)
    source = Source(head, poured(pieces_of(body)))
    assert await source.ended() == (not whole)
    assert await drawn(source, [len(whole)]) == (whole, [len(whole)])
    assert await source.ended()


@given(body=BODIES, skip=st.integers(0, 100))
def test_a_hasher_that_comes_later_is_told_the_rest(body, skip):
    later = After(hashlib.sha256(), skip)
    for piece in body:
        later.update(piece)
    assert later.digest() == hashlib.sha256(b"".join(body)[skip:]).digest()

"""Frames: what goes in comes out, any piece of it; and nothing else ever does."""

import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encryption import frames
from gateway.encryption.frames import FRAME_BYTES, SALT_BYTES, SEALED_FRAME_BYTES, Cipher, Sealing
from store.errors import Damaged

KEY = bytes(range(32))
EDGES = [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, 3 * FRAME_BYTES + 7]
sizes = st.one_of(st.sampled_from(EDGES), st.integers(0, 3 * FRAME_BYTES))


def sealed(data: bytes, *cuts: int, part: int = 0) -> bytes:
    sealing = Sealing(KEY, part)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [sealing.seal(data[a:b]) for a, b in pairwise(edges)]
    return b"".join([*pieces, sealing.finish()])


def opened(stored: bytes, parts: list[tuple[int, int]], start: int, length: int) -> bytes:
    out = b""
    for frame in frames.frames(frames.runs(parts), start, length):
        salt = stored[frame.run.at : frame.run.at + SALT_BYTES]
        cipher = Cipher(KEY, salt, frame.run.part)
        piece = cipher.open(
            frame.number, stored[frame.at : frame.at + frame.sealed], last=frame.last
        )
        out += piece[frame.skip : frame.skip + frame.take]
    return out


def whole(stored: bytes, part: int = 0) -> bytes:
    return opened(stored, [(part, n := frames.opened_size(len(stored)))], 0, n)


@settings(deadline=None)
@given(size=sizes, cuts=st.lists(st.integers(0, 3 * FRAME_BYTES), max_size=4))
def test_bytes_come_back_however_they_came_in(size, cuts):
    data = os.urandom(size)
    stored = sealed(data, *cuts)

    assert len(stored) == frames.sealed_size(size)
    assert frames.opened_size(len(stored)) == size
    assert whole(stored) == data


@settings(deadline=None)
@given(parts=st.lists(sizes, min_size=1, max_size=4), data=st.data())
def test_any_range_of_any_parts_comes_back(parts, data):
    bodies = [os.urandom(size) for size in parts]
    numbered = [(2 * number + 1, len(body)) for number, body in enumerate(bodies)]
    stored = b"".join(sealed(b, part=n) for b, (n, _) in zip(bodies, numbered, strict=True))
    plain = b"".join(bodies)
    start = data.draw(st.integers(0, len(plain)))
    length = data.draw(st.integers(0, len(plain) - start))

    assert opened(stored, numbered, start, length) == plain[start : start + length]


def test_a_range_needs_only_its_frames():
    wanted = list(frames.frames(frames.runs([(0, 10 * FRAME_BYTES)]), 3 * FRAME_BYTES - 1, 2))

    assert [(frame.number, frame.skip, frame.take) for frame in wanted] == [
        (2, FRAME_BYTES - 1, 1),
        (3, 0, 1),
    ]


@settings(deadline=None)
@given(size=st.sampled_from([1, 100, FRAME_BYTES, 2 * FRAME_BYTES + 9]), data=st.data())
def test_any_flipped_bit_is_noticed(size, data):
    stored = bytearray(sealed(os.urandom(size)))
    at = data.draw(st.integers(0, len(stored) - 1))
    stored[at] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(Damaged):
        whole(bytes(stored))


@settings(deadline=None)
@given(size=st.sampled_from([1, FRAME_BYTES, 2 * FRAME_BYTES + 9]), data=st.data())
def test_a_run_that_was_cut_is_noticed(size, data):
    stored = sealed(os.urandom(size))
    shorter = stored[: data.draw(st.integers(SALT_BYTES, len(stored) - 1))]

    with pytest.raises(Damaged):
        opened(shorter, [(0, size)], 0, size)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (0, 0, 2), (0, 2), (0, 1), (0, 1, 2, 2)])
def test_frames_moved_repeated_or_left_out_are_noticed(order):
    stored = sealed(os.urandom(3 * FRAME_BYTES))
    parts = [stored[SALT_BYTES + n * SEALED_FRAME_BYTES :][:SEALED_FRAME_BYTES] for n in range(3)]

    with pytest.raises(Damaged):
        whole(stored[:SALT_BYTES] + b"".join(parts[n] for n in order))


def test_a_run_is_of_its_part_only():
    stored = sealed(b"secret", part=1)

    with pytest.raises(Damaged):
        whole(stored, part=2)


def test_equal_bytes_are_never_equal_sealed():
    assert sealed(b"same") != sealed(b"same")

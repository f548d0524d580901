"""A sealed secret opens in its own row, under its own master key, and nowhere else."""

import secrets

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keys.errors import SealBroken
from keys.seal import NONCE_BYTES, Seal

MASTER = bytes(range(32))
ids = st.text(alphabet=st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=30)
secret_texts = st.text(min_size=1, max_size=64)


@given(secret=secret_texts, key=ids, root=ids)
def test_a_sealed_secret_opens_again(secret, key, root):
    seal = Seal(MASTER)

    assert seal.unseal(seal.seal(secret, key=key, root=root), key=key, root=root) == secret


@given(secret=secret_texts, own=st.tuples(ids, ids), other=st.tuples(ids, ids))
def test_a_secret_moved_to_another_row_does_not_open(secret, own, other):
    assume(own != other)
    seal = Seal(MASTER)
    sealed = seal.seal(secret, key=own[0], root=own[1])

    with pytest.raises(SealBroken):
        seal.unseal(sealed, key=other[0], root=other[1])


@given(secret=secret_texts, data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(secret, data):
    seal = Seal(MASTER)
    sealed = bytearray(seal.seal(secret, key="K", root="/r"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8

    with pytest.raises(SealBroken):
        seal.unseal(bytes(sealed), key="K", root="/r")


@given(length=st.integers(0, 40))
def test_a_cut_value_is_broken_and_nothing_else(length):
    seal = Seal(MASTER)
    sealed = seal.seal("s" * 40, key="K", root="/r")

    with pytest.raises(SealBroken):
        seal.unseal(sealed[:length], key="K", root="/r")


def test_the_same_secret_is_sealed_differently_each_time():
    seal = Seal(MASTER)
    sealed = {seal.seal("secret", key="K", root="/r")[:NONCE_BYTES] for _ in range(100)}

    assert len(sealed) == 100


def test_another_master_key_does_not_open_it():
    sealed = Seal(MASTER).seal("secret", key="K", root="/r")

    with pytest.raises(SealBroken, match="access key K"):
        Seal(secrets.token_bytes(32)).unseal(sealed, key="K", root="/r")


def test_a_seal_shows_nothing_of_its_master_key():
    seal = Seal(MASTER)

    assert MASTER.hex()[:16] not in repr(seal) + seal.id
    assert seal.id == Seal(MASTER).id != Seal(bytes(32)).id

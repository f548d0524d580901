"""Memos: found once, bounded, and nothing kept of what went wrong."""

import pytest

from gateway.memo import Memo


def test_what_follows_from_a_key_is_found_once() -> None:
    asked: list[int] = []

    def square(number: int) -> int:
        asked.append(number)
        return number * number

    memo = Memo(square)
    assert [memo[3], memo[3], memo[4], memo[3]] == [9, 9, 16, 9]
    assert asked == [3, 4]


def test_a_memo_never_holds_more_than_its_bound() -> None:
    memo: Memo[int, str] = Memo(str, most=4)
    for number in range(100):
        assert memo[number] == str(number)
        assert len(memo) <= 4


def test_a_key_that_is_refused_is_refused_each_time() -> None:
    memo = Memo(lambda text: int(text))
    for _ in range(2):
        with pytest.raises(ValueError, match="invalid literal"):
            memo["x"]
    assert not memo

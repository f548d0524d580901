"""When large writes stay in memory, and when they do not."""

import pytest

from store.page_cache import LEAST_BYTES, PageCache

CHEAP, DEAR = LEAST_BYTES // 5, LEAST_BYTES * 2


def pause(cache: PageCache) -> int:
    """How many writes in a row are not admitted."""
    count = 0
    while not cache.admits(LEAST_BYTES):
        count += 1
    return count


def find_dear(cache: PageCache) -> int:
    for _ in range(2):
        assert cache.admits(LEAST_BYTES)
        cache.charge(LEAST_BYTES, DEAR)
    return pause(cache)


def test_where_memory_is_cheap_all_that_is_written_stays():
    cache = PageCache()
    for _ in range(1000):
        assert cache.admits(LEAST_BYTES)
        cache.charge(LEAST_BYTES, CHEAP)


def test_where_memory_is_dear_large_writes_do_not_stay_for_a_while():
    assert find_dear(PageCache()) > 0


def test_one_dear_write_alone_says_nothing():
    cache = PageCache()
    for cost in (DEAR, CHEAP, DEAR):
        cache.charge(LEAST_BYTES, cost)
    assert cache.admits(LEAST_BYTES)


@pytest.mark.parametrize("length", [1, LEAST_BYTES - 1])
def test_small_writes_always_stay_and_tell_nothing(length):
    cache = PageCache()
    for _ in range(3):
        cache.charge(length, length * 1000)
    assert cache.admits(LEAST_BYTES)
    for _ in range(2):
        cache.charge(LEAST_BYTES, DEAR)
    assert cache.admits(length)
    assert not cache.admits(LEAST_BYTES)


def test_memory_that_stays_dear_is_tried_ever_less_often_but_always_again():
    cache = PageCache()
    pauses = [find_dear(cache) for _ in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == pauses[-2] > 10 * pauses[0]


def test_memory_that_has_long_been_cheap_is_tried_as_at_first():
    cache = PageCache()
    first = find_dear(cache)
    find_dear(cache)
    for _ in range(1000):
        cache.charge(LEAST_BYTES, CHEAP)
    assert find_dear(cache) == first

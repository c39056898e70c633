"""Buffers are used again, and never while somebody holds them."""

from __future__ import annotations

from msgr.frame.buffers import Buffers

SIZE = 1 << 20


def test_one_that_nobody_holds_is_used_again() -> None:
    buffers = Buffers()
    first = buffers.take(SIZE)
    place = id(first.obj)
    del first
    assert id(buffers.take(SIZE).obj) == place
    assert id(buffers.take(SIZE * 3 // 4).obj) == place
    assert len(buffers.take(SIZE - 7)) == SIZE - 7


def test_one_that_somebody_holds_is_not() -> None:
    buffers = Buffers()
    kept = buffers.take(SIZE)
    part = kept[100:200]
    part[:] = bytes(range(100))
    source = kept.obj
    del kept
    for _ in range(5):
        other = buffers.take(SIZE)
        assert other.obj is not source
        other[:] = bytes(SIZE)
    assert bytes(part) == bytes(range(100))


def test_one_that_is_much_too_large_is_not_wasted() -> None:
    buffers = Buffers()
    place = id(buffers.take(SIZE).obj)
    small = buffers.take(SIZE // 3)
    assert id(small.obj) != place


def test_what_is_kept_has_a_bound() -> None:
    buffers = Buffers()
    held = [buffers.take(8 << 20) for _ in range(20)]
    assert sum(map(len, buffers._kept)) <= 32 << 20
    assert len({id(view.obj) for view in held}) == 20
    size = len(buffers.take(100 << 20))
    assert size == 100 << 20
    assert sum(map(len, buffers._kept)) <= 32 << 20

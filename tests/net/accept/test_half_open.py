"""Who goes when there are too many handshakes at once (LIMIT-4, ACCEPT-1)."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgr.net.half_open import HalfOpen, neighbourhood

ONE, OTHER = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


def test_the_oldest_of_a_host_goes_first() -> None:
    """Though another host has an older one."""
    half_open = HalfOpen[str](10, 2)
    assert half_open.add("other's", OTHER, 1.0) is None
    assert half_open.add("first", ONE, 2.0) is None
    assert half_open.add("second", ONE, 3.0) is None
    gone = half_open.add("third", ONE, 4.0)
    assert gone is not None
    assert gone[0] == "first"
    assert str(gone[1]) == "more than 2 handshakes at once from 192.0.2.1; its oldest goes first [ACCEPT-1]"
    assert (len(half_open), half_open.hosts, half_open.age(5.0)) == (3, 2, 4.0)


def test_the_oldest_of_all_goes_first() -> None:
    half_open = HalfOpen[str](2, 2)
    for name, host in (("first", ONE), ("second", OTHER)):
        assert half_open.add(name, host, 1.0) is None
    gone = half_open.add("third", OTHER, 2.0)
    assert gone is not None
    assert gone[0] == "first"
    assert str(gone[1]) == "more than 2 handshakes at once; the oldest goes first [LIMIT-4]"
    assert not half_open.discard("first")
    assert half_open.discard("third")
    assert half_open.discard("second")
    assert (len(half_open), half_open.hosts, half_open.age(9.0)) == (0, 0, 0.0)


def test_pace() -> None:
    """There is none while there is room; then each has a second, or a hundredth for each place."""
    for most, per_host, hosts, pace in ((128, 128, 2, 1 / 128), (500, 200, 1, 1 / 200), (2, 2, 1, 0.01)):
        half_open = HalfOpen[int](most, per_host)
        room = min(most, per_host * hosts)
        for one in range(room):
            assert half_open.pace == 0.0
            half_open.add(one, ip_address(one % hosts), 0.0)
        assert half_open.pace == pace
        assert half_open.discard(0)
        assert half_open.pace == (0.0 if hosts == 1 or room == most else pace)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1", "fe80::2", False),
    ],
)
def test_what_one_host_is(one: str, other: str, same: bool) -> None:
    """Whoever has an IPv6 address has 2**64 of them."""
    assert (neighbourhood(ip_address(one)) == neighbourhood(ip_address(other))) is same


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=60), st.integers(1, 6), st.integers(1, 6))
def test_the_limits_hold(steps: list[tuple[int, int]], most: int, per_host: int) -> None:
    """After any coming and going, against a plain list; a step of a host that is there already is a going."""
    half_open = HalfOpen[tuple[int, int]](most, per_host)
    model: list[tuple[int, int]] = []
    for one in steps:
        if one in model:
            assert half_open.discard(one)
            model.remove(one)
            continue
        gone = half_open.add(one, ip_address(one[0]), 0.0)
        model.append(one)
        of_host = [other for other in model if other[0] == one[0]]
        expected = of_host[0] if len(of_host) > per_host else model[0] if len(model) > most else None
        assert (gone and gone[0]) == expected
        if expected is not None:
            model.remove(expected)
        assert len(half_open) == len(model)
        assert half_open.hosts == len({host for host, _ in model})

"""What is not a banner, or not one to go on from."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.core import states
from msgr.errors import BannerError, TimedOut
from msgr.frame import Revision
from msgr.payload import Banner

from .pair import error_of
from .reach import client_in, server_in
from .script import CLIENT, SERVER, Script, refused

GOOD: Final = Banner(supported=3).to_wire()
ROLES: Final = ("client", "server")


def begin(role: str, revision: Revision = Revision.REV1) -> Script:
    """Return a connection that waits for a banner."""
    bring = client_in if role == "client" else server_in
    return bring(states.AwaitBanner, revision=revision)


def with_payload(size: int, payload: bytes = b"") -> bytes:
    """Return a banner that announces so many bytes of payload."""
    return b"ceph v2\n" + size.to_bytes(2, "little") + payload


@pytest.mark.parametrize("role", ROLES)
def test_the_old_protocol_is_called_by_its_name(role: str) -> None:
    script = begin(role)
    script.feed(b"ceph v027")
    assert "msgr v1" in str(refused_early(script))


def refused_early(script: Script) -> BannerError:
    """Return the error over a banner; our own banner is not sent any more if it was not before."""
    return refused(script, BannerError, "BANNER-1")


@pytest.mark.parametrize(
    "garbage", [b"\0", b"GET / HTTP/1.1\r\n", b"SSH-2.0-x", b"Ceph v2\n", b"ceph v2\r", b"ceph v3"]
)
@pytest.mark.parametrize("role", ROLES)
def test_garbage_is_refused(role: str, garbage: bytes) -> None:
    script = begin(role)
    script.feed(garbage)
    assert "where a banner begins" in str(refused_early(script))


@pytest.mark.parametrize("right", range(8))
def test_the_first_wrong_byte_is_enough(right: int) -> None:
    script = begin("server")
    assert script.feed(GOOD[:right]) == []
    script.feed(b"\xff")
    refused_early(script)


@pytest.mark.parametrize("size", range(len(GOOD)))
@pytest.mark.parametrize("role", ROLES)
def test_half_a_banner_and_silence(role: str, size: int) -> None:
    script = begin(role)
    script.feed(GOOD[:size])
    deadline = script.end.next_deadline
    assert deadline == script.now + 10
    script.end.handle_deadline(now=deadline - 0.001)
    assert script.collect() == []
    script.end.handle_deadline(now=deadline)
    script.collect()
    error = error_of(script.events)
    assert type(error) is TimedOut
    middle = ", in the middle of a frame" if size else ""
    assert str(error) == f"no session after 10 s: in AwaitBanner, after {size} bytes{middle} [LIMIT-3]"
    assert script.end.next_deadline is None


@pytest.mark.parametrize("size", [0, 8, 15])
@pytest.mark.parametrize("role", ROLES)
def test_a_payload_too_short_for_the_two_words(role: str, size: int) -> None:
    script = begin(role)
    script.feed(with_payload(size))
    refused(script, BannerError, "BANNER-2")


@pytest.mark.parametrize("size", [(4 << 10) + 1, 0xFFFF])
@pytest.mark.parametrize("role", ROLES)
def test_a_payload_beyond_the_limit_is_not_waited_for(role: str, size: int) -> None:
    script = begin(role)
    script.feed(with_payload(size))
    assert "4096 are allowed" in str(refused(script, BannerError, "BANNER-2"))


@pytest.mark.parametrize("size", [17, 100, 4 << 10])
@pytest.mark.parametrize("role", ROLES)
def test_what_a_newer_banner_appends_is_ignored(role: str, size: int) -> None:
    """Demand 61."""
    script = begin(role)
    assert script.feed(with_payload(size, Banner(supported=3).encode().ljust(size - 1, b"?"))) == []
    assert isinstance(script.end.state, states.AwaitBanner)
    script.feed(b"!")
    assert isinstance(script.end.state, states.AwaitHello)
    assert script.end.state.banner == Banner(supported=3)


@pytest.mark.parametrize("bit", range(2, 64))
def test_a_required_bit_that_we_lack(bit: int) -> None:
    """Demand 61."""
    script = begin("server" if bit % 2 else "client")
    script.banner(required=1 << bit)
    assert hex(1 << bit) in str(refused(script, BannerError, "BANNER-3"))


@pytest.mark.parametrize("required", [0, 1, 2, 3])
@pytest.mark.parametrize("role", ROLES)
def test_required_bits_that_we_have(role: str, required: int) -> None:
    script = begin(role)
    script.banner(required=required)
    assert isinstance(script.end.state, states.AwaitHello)


@pytest.mark.parametrize("role", ROLES)
def test_all_features_supported_is_fine(role: str) -> None:
    script = begin(role)
    script.banner(supported=(1 << 64) - 1)
    assert isinstance(script.end.state, states.AwaitHello)


@pytest.mark.parametrize("supported", [0, 2, 0xFFFFFFFFFFFFFFFE])
@pytest.mark.parametrize("role", ROLES)
def test_an_old_peer_is_refused_where_the_old_revision_is_not_allowed(role: str, supported: int) -> None:
    """Demand 73."""
    script = begin(role)
    script.banner(supported=supported)
    assert "msgr 2.0" in str(refused(script, BannerError, "BANNER-5"))


@pytest.mark.parametrize("config", [CLIENT, SERVER], ids=ROLES)
def test_who_does_not_allow_the_new_revision_does_not_offer_it(config: object) -> None:
    config = CLIENT if config is CLIENT else SERVER
    assert replace(config, revisions=frozenset({Revision.REV0})).banner_features == 2
    assert config.banner_features == 3


def test_no_word_of_ours_depends_on_the_peer_s_banner() -> None:
    """Each end sends its banner at once, and its HELLO when it has the peer's."""
    script = begin("server")
    sent = b"".join(bytes(piece) for piece in script.end.data_to_send())
    assert sent == GOOD
    script.hear_nothing()

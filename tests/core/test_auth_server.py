"""Clients that do not authenticate as they must, and what their server tells them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.auth import Keys, NoneServer
from msgr.auth.globalid import GlobalIds
from msgr.core import Denial, Limits, Met, states
from msgr.errors import AuthError, AuthRefused, ShortRead, SignatureError, UnexpectedFrame
from msgr.frame import Frame, Mode, Revision, Tag
from msgr.payload import (
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequestMore,
    AuthSignature,
    CompressionRequest,
    Hello,
)

from .pair import SERVER_AT, all_of, error_of, only
from .reach import server_in
from .script import CLIENT_IDENT, METHOD, SERVER, Scripted, refused, request

NO_REASON: Final = AuthBadMethod(method=METHOD, result=-95, allowed_methods=(METHOD,), allowed_modes=(Mode.SECURE,))


@pytest.mark.parametrize("kind", [0, 1, 8, 99, 255])
def test_any_type_of_client_may_ask(kind: int) -> None:
    script = server_in(states.AwaitHello)
    script.say(Hello(entity_type=kind, peer_address=SERVER_AT))
    assert only(script.events, Met).entity_type == kind
    assert isinstance(script.end.state, states.AwaitAuthRequest)


@pytest.mark.parametrize("method", [0, 1, 2, 4, 99, (1 << 32) - 1])
def test_a_method_that_is_not_allowed(method: int) -> None:
    """The client learns what is allowed, and may ask again on the same connection."""
    script = server_in(states.AwaitAuthRequest)
    script.say(request(method=method))
    assert script.hear(AuthBadMethod) == replace(NO_REASON, method=method)
    denial = only(script.events, Denial)
    assert (denial.method, denial.result) == (method, -95)
    assert "is not allowed" in denial.reason
    script.say(request())
    script.hear_first(AuthDone)


@pytest.mark.parametrize("modes", [(), (0,), (1,), (99, 0, 1), tuple(range(3, 12000))], ids=str)
def test_no_mode_in_common(modes: tuple[int, ...]) -> None:
    """Crc is not allowed here; and an empty list (CVE-2026-68155) is not a wish for anything."""
    script = server_in(states.AwaitAuthRequest)
    script.say(request(modes=modes))
    assert script.hear(AuthBadMethod) == NO_REASON
    assert len(only(script.events, Denial).reason) < 200


@pytest.mark.parametrize(
    ("allowed", "asked", "chosen"),
    [
        ((Mode.SECURE, Mode.CRC), (1, 2), Mode.CRC),
        ((Mode.SECURE, Mode.CRC), (2, 1), Mode.SECURE),
        ((Mode.SECURE, Mode.CRC), (0, 99, 1), Mode.CRC),
        ((Mode.SECURE,), (1, 2), Mode.SECURE),
        ((), (1, 2), Mode.SECURE),
    ],
)
def test_the_first_of_the_client_s_modes_that_is_allowed(
    allowed: tuple[Mode, ...], asked: tuple[int, ...], chosen: Mode
) -> None:
    """AUTH-3. Without a setting, only the strongest mode is allowed."""
    script = server_in(states.AwaitAuthRequest)
    config = replace(SERVER, modes=allowed)
    script = type(script)(config)
    script.banner()
    script.hear(Hello)
    script.say(Hello(entity_type=8, peer_address=SERVER_AT), request(modes=asked))
    assert script.hear_first(AuthDone).mode == chosen


def test_method_none_keys_crc_mode_only() -> None:
    """A server that allows secure mode alone lets nobody in without a key."""
    methods = (NoneServer(GlobalIds()), Scripted())
    script = server_in(states.AwaitAuthRequest, config=replace(SERVER, methods=methods))
    script.say(request(method=1, modes=(1, 2)))
    assert script.hear(AuthBadMethod) == replace(NO_REASON, method=1, allowed_methods=(1, METHOD))


def test_without_settings_all_methods_modes_are_told() -> None:
    methods = (NoneServer(GlobalIds()), Scripted())
    script = server_in(states.AwaitBanner, config=replace(SERVER, methods=methods))
    script = type(script)(replace(SERVER, methods=methods, modes=()))
    script.banner()
    script.hear(Hello)
    script.say(Hello(entity_type=8, peer_address=SERVER_AT), request(method=0))
    assert script.hear(AuthBadMethod).allowed_modes == (Mode.SECURE, Mode.CRC)


def test_a_refusal_does_not_say_why() -> None:
    script = server_in(states.AwaitAuthRequest)
    script.say(request(b"no"))
    assert script.hear(AuthBadMethod) == replace(NO_REASON, result=-13)
    assert only(script.events, Denial).reason == "the script says no"
    assert isinstance(script.end.state, states.AwaitAuthRequest)


def test_attempts_without_end() -> None:
    """Demand 74k."""
    script = server_in(states.AwaitAuthRequest)
    for attempt in range(8):
        assert isinstance(script.end.state, states.AwaitAuthRequest), attempt
        script.say(request(b"no"))
        assert script.hear(AuthBadMethod).result == -13
    assert isinstance(script.end.state, states.AwaitEnd)
    assert len(all_of(script.events, Denial)) == 8
    script.say(request())
    assert refused(script, UnexpectedFrame, "STATE-1").allowed == ()


def test_how_many_attempts_is_a_setting() -> None:
    script = server_in(states.AwaitAuthRequest, config=replace(SERVER, limits=Limits(auth_attempts=1)))
    script.say(request(method=99))
    script.hear(AuthBadMethod)
    assert isinstance(script.end.state, states.AwaitEnd)


def test_steps_without_end() -> None:
    script = server_in(states.AwaitAuthMore)
    for _ in range(7):
        script.say(AuthRequestMore(payload=b"M"))
        script.hear(AuthReplyMore)
    script.say(AuthRequestMore(payload=b"M"))
    script.hear(AuthReplyMore)
    script.say(AuthRequestMore(payload=b"M"))
    refused(script, AuthError, "AUTH-9")


def test_a_refused_step_is_the_end() -> None:
    """AUTH-6: what comes after it is not heard, and the reason is why the connection ended."""
    script = server_in(states.AwaitAuthMore)
    script.say(AuthRequestMore(payload=b"no"))
    assert script.hear(AuthBadMethod) == replace(NO_REASON, result=-13)
    script.end.receive_eof()
    script.collect()
    error = error_of(script.events)
    assert isinstance(error, AuthRefused)
    assert (error.result, error.methods, error.modes) == (-13, (METHOD,), (Mode.SECURE,))
    assert str(error) == f"refused {METHOD} with -13: the script says no [AUTH-5]"


def test_a_client_that_stays_after_its_refusal() -> None:
    script = server_in(states.AwaitEnd)
    refusal = script.end.state
    assert isinstance(refusal, states.AwaitEnd)
    script.end.handle_deadline(now=script.now + 10)
    script.collect()
    assert error_of(script.events) is refusal.error


@pytest.mark.parametrize("length", [1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize("revision", Revision)
def test_cve_2026_22984_a_blob_longer_than_its_frame(length: int, revision: Revision) -> None:
    """CVE-2026-22984, at the server's end."""
    lie = length.to_bytes(4, "little")
    script = server_in(states.AwaitAuthMore, revision=revision)
    script.frame(Frame(Tag.AUTH_REQUEST_MORE, (lie,)))
    refused(script, ShortRead, "WIRE-1")
    head = METHOD.to_bytes(4, "little")
    script = server_in(states.AwaitAuthRequest, revision=revision)
    script.frame(Frame(Tag.AUTH_REQUEST, (head + b"\1\0\0\0\2\0\0\0" + lie,)))
    refused(script, ShortRead, "WIRE-1")
    script = server_in(states.AwaitAuthRequest, revision=revision)
    script.frame(Frame(Tag.AUTH_REQUEST, (head + lie,)))
    refused(script, ShortRead, "WIRE-2")


@pytest.mark.parametrize("size", [0, 39])
def test_cve_2021_3979_a_secret_too_short_for_secure_mode(size: int) -> None:
    """CVE-2021-3979: AUTH_DONE must not be followed by frames under a key that nobody agreed on."""
    methods = (Scripted(keys=Keys(b"k", bytes(size))),)
    script = server_in(states.AwaitAuthRequest, config=replace(SERVER, methods=methods))
    script.say(request())
    refused(script, AuthError, "FRAME-13")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("revision", Revision)
def test_a_wrong_signature(mode: Mode, revision: Revision) -> None:
    right = server_in(states.AwaitSignature, revision=revision, mode=mode)
    wrong = bytearray(right.signature().signature)
    wrong[0] ^= 0x80
    for signature in (bytes(wrong), bytes(32), right.expected_signature().signature, b"\xff" * 32):
        script = server_in(states.AwaitSignature, revision=revision, mode=mode)
        script.say(AuthSignature(signature=signature))
        refused(script, SignatureError, "AUTH-25")


@pytest.mark.parametrize("mode", Mode)
def test_a_signature_left_out(mode: Mode) -> None:
    for payload in (CompressionRequest(wanted=False, algorithms=()), CLIENT_IDENT):
        script = server_in(states.AwaitSignature, mode=mode)
        script.say(payload)
        refused(script, UnexpectedFrame, "STATE-1")


@pytest.mark.parametrize("wanted", [False, True])
def test_compression_is_off_unless_it_is_allowed(wanted: bool) -> None:
    script = server_in(states.AwaitCompressionRequest)
    script.say(CompressionRequest(wanted=wanted, algorithms=(1, 2, 3, 4)))
    (frame,) = script.hear_frames()
    assert frame.segments == (b"\0\0\0\0\0",)


@pytest.mark.parametrize("mode", Mode)
def test_without_the_banner_bit_compression_is_not_discussed(mode: Mode) -> None:
    """COMPRESSION-1."""
    script = server_in(states.AwaitBanner, mode=mode)
    script.banner(supported=1)
    script.hear(Hello)
    script.say(Hello(entity_type=8, peer_address=SERVER_AT), request(modes=(mode,)))
    script.hear_first(AuthDone)
    script.switch(mode)
    script.hear(AuthSignature)
    script.say(script.signature())
    assert isinstance(script.end.state, states.AwaitClientIdent)


def test_a_client_may_hurry() -> None:
    """HELLO and the first request need not wait for the server's."""
    script = server_in(states.AwaitBanner)
    script.banner()
    script.say(Hello(entity_type=8, peer_address=SERVER_AT), request())
    script.hear_first(Hello)
    script.hear_first(AuthDone)

"""Servers that do not authenticate a client as they must."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from msgr.auth import Keys
from msgr.core import states
from msgr.errors import AuthError, AuthRefused, IdentError, PeerError, ShortRead, SignatureError, UnexpectedFrame
from msgr.frame import Frame, Mode, Revision, Tag
from msgr.payload import (
    AuthBadMethod,
    AuthDone,
    AuthReplyMore,
    AuthRequest,
    AuthRequestMore,
    AuthSignature,
    CompressionDone,
    Hello,
)
from msgr.wire import EntityType

from .pair import CLIENT_AT
from .reach import client_in
from .script import CLIENT, GLOBAL_ID, METHOD, SERVER_IDENT, Scripted, State, refused

AUTH_STATES: Final = (states.AwaitAuthReply, states.AwaitAuthStep)
FOREIGN_LENGTHS: Final = (1, 2, 255, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def bad_method(method: int = METHOD, result: int = -13, allowed: tuple[int, ...] = (METHOD,)) -> AuthBadMethod:
    """Return a refusal."""
    return AuthBadMethod(method=method, result=result, allowed_methods=allowed, allowed_modes=(2, 9))


@pytest.mark.parametrize("kind", [EntityType.OSD, EntityType.CLIENT, 0, 99, 255])
def test_a_server_of_another_type(kind: int) -> None:
    script = client_in(states.AwaitHello, config=replace(CLIENT, expect=EntityType.MON))
    script.say(Hello(entity_type=kind, peer_address=CLIENT_AT))
    assert "a mon was meant" in str(refused(script, IdentError, "HELLO-1"))


def test_the_type_that_was_meant() -> None:
    script = client_in(states.AwaitHello, config=replace(CLIENT, expect=EntityType.MON))
    script.say(Hello(entity_type=EntityType.MON, peer_address=CLIENT_AT))
    assert isinstance(script.end.state, states.AwaitAuthReply)


@pytest.mark.parametrize("method", [0, 1, METHOD + 1, (1 << 32) - 1])
@pytest.mark.parametrize("state", AUTH_STATES)
def test_cve_2026_46024_a_refusal_of_what_was_not_asked(state: State, method: int) -> None:
    """CVE-2026-46024: a reply for method 0 was taken."""
    script = client_in(state)
    script.say(bad_method(method=method))
    refused(script, AuthError, "AUTH-4")


@pytest.mark.parametrize("result", [0, 1, 13, (1 << 31) - 1])
@pytest.mark.parametrize("state", AUTH_STATES)
def test_cve_2026_46119_a_refusal_that_is_no_error(state: State, result: int) -> None:
    """CVE-2026-46119: a positive result was used as a size."""
    script = client_in(state)
    script.say(bad_method(result=result))
    assert f"result {result}, which is no error" in str(refused(script, AuthError, "AUTH-4"))


@pytest.mark.parametrize("result", [-1, -13, -95, -(1 << 31)])
@pytest.mark.parametrize("state", AUTH_STATES)
def test_a_refusal_tells_what_is_allowed(state: State, result: int) -> None:
    script = client_in(state)
    script.say(bad_method(result=result, allowed=(2, 5, METHOD)))
    error = refused(script, AuthRefused, "AUTH-5")
    assert (error.result, error.methods, error.modes) == (result, (2, 5, METHOD), (2, 9))
    assert error.text == (
        f"the server refuses {METHOD} in secure mode with {result}; it allows cephx, 5, {METHOD} in secure or 9 mode"
    )


def test_cve_2026_68155_a_refusal_with_empty_lists() -> None:
    """CVE-2026-68155: a list with nothing in it was not expected."""
    script = client_in(states.AwaitAuthReply)
    script.say(AuthBadMethod(method=METHOD, result=-95, allowed_methods=(), allowed_modes=()))
    assert "it allows nothing in no mode" in str(refused(script, AuthRefused, "AUTH-5"))


def test_a_refusal_with_long_lists_does_not_make_a_long_text() -> None:
    script = client_in(states.AwaitAuthReply)
    many = tuple(range(1000, 9000))
    script.say(AuthBadMethod(method=METHOD, result=-95, allowed_methods=many, allowed_modes=many))
    error = refused(script, AuthRefused, "AUTH-5")
    assert error.methods == many
    assert "1007, 7992 more" in str(error)


def test_the_next_allowed_method_is_tried_and_none_twice() -> None:
    """AUTH-5: in our order, those after the one refused, as far as the server allows them. Demand 74k."""
    methods = tuple(Scripted(number=METHOD + index) for index in range(4))
    script = client_in(states.AwaitAuthReply, config=replace(CLIENT, methods=methods))
    everything = (METHOD + 3, METHOD + 2, METHOD)
    script.say(bad_method(allowed=everything))
    assert script.hear(AuthRequest).method == METHOD + 2
    script.say(bad_method(METHOD + 2, allowed=everything))
    assert script.hear(AuthRequest).method == METHOD + 3
    script.say(bad_method(METHOD + 3, allowed=everything))
    refused(script, AuthRefused, "AUTH-5")


def test_after_a_step_no_other_method_is_tried() -> None:
    """AUTH-6."""
    script = client_in(states.AwaitAuthStep)
    script.say(bad_method(allowed=(METHOD + 1,)))
    refused(script, AuthRefused, "AUTH-5")


@pytest.mark.parametrize("offered", Mode)
@pytest.mark.parametrize("chosen", [0, 1, 2, 3, 99, (1 << 32) - 1])
@pytest.mark.parametrize("state", AUTH_STATES)
def test_a_mode_that_was_not_offered(state: State, chosen: int, offered: Mode) -> None:
    """AUTH-7: no server talks us down to crc. Demand 74j."""
    script = client_in(state, mode=offered)
    script.say(AuthDone(global_id=GLOBAL_ID, mode=chosen, payload=b""))
    if chosen == offered:
        assert isinstance(script.end.state, states.AwaitSignature)
        return
    error = refused(script, AuthError, "AUTH-7")
    assert error.text == f"AUTH_DONE chose mode {chosen}; {offered.name.lower()} was offered"


@pytest.mark.parametrize("global_id", [1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("state", AUTH_STATES)
def test_a_global_id_that_no_ident_can_carry(state: State, global_id: int) -> None:
    script = client_in(state)
    script.say(AuthDone(global_id=global_id, mode=2, payload=b""))
    refused(script, AuthError, "GLOBALID-1")


def test_the_greatest_global_id() -> None:
    script = client_in(states.AwaitAuthReply)
    script.say(AuthDone(global_id=(1 << 63) - 1, mode=2, payload=b""))
    assert isinstance(script.end.state, states.AwaitSignature)


def test_steps_without_end() -> None:
    script = client_in(states.AwaitAuthReply)
    for _ in range(8):
        script.say(AuthReplyMore(payload=b"next"))
        script.hear(AuthRequestMore)
    script.say(AuthReplyMore(payload=b"next"))
    refused(script, AuthError, "AUTH-9")


@pytest.mark.parametrize("state", AUTH_STATES)
def test_a_step_that_the_method_refuses(state: State) -> None:
    script = client_in(state)
    script.say(AuthReplyMore(payload=b"fail"))
    refused(script, AuthError, "TEST-1")


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize("length", FOREIGN_LENGTHS)
@pytest.mark.parametrize("state", AUTH_STATES)
def test_cve_2026_22984_a_blob_longer_than_its_frame(state: State, length: int, revision: Revision) -> None:
    """CVE-2026-22984: the length inside AUTH_DONE was not held against the frame's."""
    lie = length.to_bytes(4, "little")
    script = client_in(state, revision=revision)
    script.frame(Frame(Tag.AUTH_REPLY_MORE, (lie,)))
    refused(script, ShortRead, "WIRE-1")
    script = client_in(state, revision=revision)
    script.frame(Frame(Tag.AUTH_DONE, (GLOBAL_ID.to_bytes(8, "little") + b"\2\0\0\0" + lie,)))
    refused(script, ShortRead, "WIRE-1")
    script = client_in(state, revision=revision)
    script.frame(Frame(Tag.AUTH_BAD_METHOD, (METHOD.to_bytes(4, "little") + b"\xff\xff\xff\xff" + lie,)))
    refused(script, ShortRead, "WIRE-2")


@pytest.mark.parametrize("size", [0, 1, 16, 39])
def test_cve_2021_3979_a_secret_too_short_for_secure_mode(size: int) -> None:
    """CVE-2021-3979: keys of other lengths than stated. A secret is never filled up (FRAME-13)."""
    methods = (Scripted(keys=Keys(b"k", bytes(size))),)
    script = client_in(states.AwaitAuthReply, config=replace(CLIENT, methods=methods))
    script.say(AuthDone(global_id=GLOBAL_ID, mode=2, payload=b""))
    refused(script, AuthError, "FRAME-13")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("revision", Revision)
def test_a_wrong_signature(mode: Mode, revision: Revision) -> None:
    right = client_in(states.AwaitSignature, revision=revision, mode=mode)
    wrong = bytearray(right.signature().signature)
    wrong[-1] ^= 1
    for signature in (bytes(wrong), bytes(32), right.expected_signature().signature, b"\xff" * 32):
        script = client_in(states.AwaitSignature, revision=revision, mode=mode)
        script.say(AuthSignature(signature=signature))
        refused(script, SignatureError, "AUTH-25")


@pytest.mark.parametrize("mode", Mode)
def test_a_signature_left_out(mode: Mode) -> None:
    for payload in (CompressionDone(on=False, algorithm=0), SERVER_IDENT):
        script = client_in(states.AwaitSignature, mode=mode)
        script.say(payload)
        refused(script, UnexpectedFrame, "STATE-1")


@pytest.mark.parametrize("size", [0, 31])
def test_a_signature_cut_short(size: int) -> None:
    script = client_in(states.AwaitSignature)
    script.frame(Frame(Tag.AUTH_SIGNATURE, (bytes(size),)))
    refused(script, ShortRead, "WIRE-1")


@pytest.mark.parametrize("algorithm", [0, 1, 3, 99])
def test_compression_that_was_not_asked_for(algorithm: int) -> None:
    script = client_in(states.AwaitCompressionDone)
    script.say(CompressionDone(on=True, algorithm=algorithm))
    refused(script, PeerError, "COMPRESSION-2")


def test_an_algorithm_that_is_off_means_nothing() -> None:
    script = client_in(states.AwaitCompressionDone)
    script.say(CompressionDone(on=False, algorithm=3))
    assert isinstance(script.end.state, states.AwaitServerIdent)

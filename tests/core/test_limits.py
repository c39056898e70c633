"""Lengths that a peer announces are held against the limits before a byte of them is waited for (FRAME-9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from msgr.core import Limits, states
from msgr.errors import FrameError, FrameTooLarge, PeerError, TimedOut, UnexpectedFrame
from msgr.frame import Mode, Preamble, Revision, Tag
from msgr.wire import PREAMBLE_SEED, checksum

from .pair import error_of
from .reach import CLIENT_STEPS, client_in, server_in
from .script import CLIENT, KEYS, SERVER, Script, State, refused
from .test_table import EXPECTED, MODES, bring, sample

EXTREMES: Final = ((64 << 10) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
BEFORE_READY: Final = [
    (role, state, Tag[name])
    for role, table in EXPECTED.items()
    for state, row in table.items()
    for name in row
    if state is not states.Ready
]
CELL_NAMES: Final = [f"{role}-{state.__name__}-{tag.name}" for role, state, tag in BEFORE_READY]
SEGMENT_LIMITS: Final = (64 << 10, 16 << 20, 16 << 20, 128 << 20)


def announce(script: Script, tag: int, *lengths: int) -> None:
    """Send no more than the head of a frame with segments of these lengths."""
    script.feed(script.seal_head(Preamble(tag, lengths)))


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("cell", BEFORE_READY, ids=CELL_NAMES)
def test_cve_2023_44466_lengths_before_a_session(cell: tuple[str, State, Tag], mode: Mode, revision: Revision) -> None:
    """CVE-2023-44466: lengths were signed numbers. Here each segment has its small limit. Demand 2."""
    role, state, tag = cell
    for segment in range(4):
        for length in EXTREMES:
            script = bring(role, state, revision, mode)
            announce(script, tag, *[8, 0, 0][:segment], length)
            error = refused(script, FrameTooLarge, "FRAME-9")
            assert f"{tag.name} announces {length} bytes in segment {segment}" in str(error)


@pytest.mark.parametrize(("mode", "revision"), MODES)
@pytest.mark.parametrize("role", EXPECTED)
@pytest.mark.parametrize("segment", range(4))
def test_lengths_in_a_session(role: str, segment: int, mode: Mode, revision: Revision) -> None:
    limit = SEGMENT_LIMITS[segment]
    tag = Tag.MESSAGE if segment else Tag.ACK
    for length in (limit + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1):
        script = bring(role, states.Ready, revision, mode)
        announce(script, tag, *[41, 0, 0][:segment], length)
        refused(script, FrameTooLarge, "FRAME-9")
    script = bring(role, states.Ready, revision, mode)
    announce(script, tag, *[41, 0, 0][:segment], limit)
    assert script.events == []
    assert isinstance(script.end.state, states.Ready)


def test_limits_are_settings() -> None:
    limits = Limits(control=100, front=5, middle=6, data=7)
    script = client_in(states.Ready, config=replace(CLIENT, limits=limits))
    announce(script, Tag.MESSAGE, 41, 5, 6, 8)
    assert "7 are allowed" in str(refused(script, FrameTooLarge, "FRAME-9"))
    script = server_in(states.AwaitHello, config=replace(SERVER, limits=replace(limits, control=20)))
    announce(script, Tag.HELLO, 21)
    assert "20 are allowed" in str(refused(script, FrameTooLarge, "FRAME-9"))


@pytest.mark.parametrize("role", EXPECTED)
@pytest.mark.parametrize("count", [0, 5, 255])
def test_a_frame_has_one_to_four_segments(role: str, count: int) -> None:
    """FRAME-1, with the checksum right. Demand 62."""
    script = bring(role, states.Ready, Revision.REV1, Mode.CRC)
    script.feed(Preamble(Tag.ACK, (1,) * count).encode() if count < 5 else _with_count(count))
    refused(script, FrameError, "FRAME-1")


def _with_count(count: int) -> bytes:
    head = bytearray(Preamble(Tag.ACK, (1, 1, 1, 1)).encode())
    head[1] = count
    return _summed(bytes(head[:28]))


def _summed(head: bytes) -> bytes:
    return head + checksum(head, PREAMBLE_SEED).to_bytes(4, "little")


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize("cell", BEFORE_READY, ids=CELL_NAMES)
def test_compression_that_was_not_agreed(cell: tuple[str, State, Tag], revision: Revision) -> None:
    """FRAME-8: some daemons do not survive this flag; we take it for what it is, by the preamble alone. Demand 74l."""
    role, state, tag = cell
    script = bring(role, state, revision, Mode.CRC)
    length = len(sample(script, tag).segments[0])
    script.feed(Preamble(tag, (length,), compressed=True).encode())
    refused(script, FrameError, "FRAME-8")


@pytest.mark.parametrize("revision", Revision)
@pytest.mark.parametrize("role", EXPECTED)
def test_compression_that_was_not_agreed_in_secure_mode(role: str, revision: Revision) -> None:
    """The signature is the first sealed frame, so its nonce is the one in the secret."""
    script = bring(role, states.AwaitSignature, revision, Mode.SECURE)
    secret = KEYS.connection_secret
    nonce = secret[16:28] if role == "client" else secret[28:40]
    plain = Preamble(Tag.AUTH_SIGNATURE, (32,), compressed=True).encode() + script.signature().encode() + bytes(16)
    script.feed(AESGCM(secret[:16]).encrypt(nonce, plain, None))
    refused(script, FrameError, "FRAME-8")


@pytest.mark.parametrize("state", [state for state in CLIENT_STEPS if state not in (states.Ready, states.Ended)])
def test_silence_in_any_state_of_a_handshake(state: State) -> None:
    """LIMIT-3: one deadline for the whole handshake, counted from its beginning, however lively the peer is."""
    script = client_in(state)
    script.now += 9.9
    script.feed(b"")
    assert script.end.next_deadline == script.now + 0.1
    script.end.handle_deadline(now=script.now + 0.2)
    script.collect()
    error = error_of(script.events)
    assert type(error) is TimedOut
    assert f"in {state.__name__}, after {script.said} bytes" in str(error)


@pytest.mark.parametrize(("mode", "revision"), [each for each in MODES if each != (Mode.SECURE, Revision.REV0)])
@pytest.mark.parametrize("role", EXPECTED)
def test_the_head_of_a_frame_is_enough(role: str, mode: Mode, revision: Revision) -> None:
    """What it says of its segments is judged before any is waited for, where it can be believed without them."""
    for size in (0, 40, 42):
        script = bring(role, states.Ready, revision, mode)
        announce(script, Tag.MESSAGE, size)
        refused(script, PeerError, "MESSAGE-1")
    script = bring(role, states.Ready, revision, mode)
    announce(script, Tag.ACK, 8, 1)
    refused(script, FrameError, "FRAME-14")
    script = bring(role, states.Ready, revision, mode)
    announce(script, Tag.HELLO, 64)
    refused(script, UnexpectedFrame, "STATE-1")


@pytest.mark.parametrize("role", EXPECTED)
def test_a_head_that_is_not_verified_is_not_acted_on(role: str) -> None:
    """FRAME-10: in secure mode of msgr2.0 only the lengths may be used before the whole frame is there.

    Demands 73 and 74g.
    """
    script = bring(role, states.Ready, Revision.REV0, Mode.SECURE)
    announce(script, Tag.HELLO, 64)
    assert script.events == []
    assert isinstance(script.end.state, states.Ready)

"""Encryption that is disabled, optional or required at either end, over real connections (NODE-6)."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest

from msgr import AuthRefused, Encryption, FailureKind, Mode

from .leaks import until
from .mesh import at, ended, member, mesh, talk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

WANTS: Final = list(product(Encryption, Encryption))


@pytest.mark.parametrize(("dials", "accepts"), WANTS, ids=[f"{a.name}-{b.name}".lower() for a, b in WANTS])
async def test_three_by_three(dials: Encryption, accepts: Encryption) -> None:
    """Demands 17, 18 and 20: encrypted unless either has it disabled; refused for good where the other requires it."""
    one, other = member(1, encryption=dials), member(2, encryption=accepts)
    async with mesh(one, other):
        near = one.session(at(other))
        if {dials, accepts} == {Encryption.DISABLED, Encryption.REQUIRED}:
            error = await ended(near)
            assert isinstance(error, AuthRefused)
            assert error.kind is FailureKind.PERMANENT
            wanted, allowed = ("secure", "crc") if dials is Encryption.REQUIRED else ("crc", "secure")
            assert f"refuses cephx in {wanted} mode with -95; it allows cephx in {allowed} mode" in str(error)
            await until(lambda: other.stats.failed == 1)
            assert other.stats.accepted == 1  # no second attempt
            return
        far = await talk(near, other)
        mode = Mode.CRC if Encryption.DISABLED in (dials, accepts) else Mode.SECURE
        assert near.peer.login.mode is far.peer.login.mode is mode
        assert near.peer.node is not None
        assert near.peer.node.encryption == accepts


async def test_authentication_without_encryption() -> None:
    """Demand 18: who the peer is was proved and stays known, though nothing is encrypted."""
    one, other = (member(id, encryption=Encryption.DISABLED) for id in (1, 2))
    async with mesh(one, other):
        far = await talk(one.session(at(other)), other)
        login = far.peer.login
        assert login.mode is Mode.CRC
        assert login.identity is not None
        assert str(login.identity.name) == "osd.1"

"""The engine of `msgr probe`, at peers that do not behave."""

from __future__ import annotations

import pytest

from msgr import Mode, PeerError, Revision, probe, serve
from msgr.auth import Denied, Dice, Done, Identity, Keys, More, ServerMethod, Verdict
from msgr.net.probe import _METHOD
from msgr.wire import EntityName


class Welcoming:
    """A server's method that lets everybody in, under the number that no peer should have."""

    number = _METHOD
    modes = frozenset(Mode)

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def converse(self, dice: Dice, *, now: float) -> Welcoming:
        """Return the conversation, which has no state."""
        return self

    def begin(self, payload: bytes, *, mode: Mode) -> Verdict:
        """Say what was agreed."""
        return self._verdict

    def more(self, payload: bytes) -> Verdict:
        """Say what was agreed."""
        return self._verdict


class Odd(Welcoming):
    """A server's method under a number without a name."""

    number = 77


@pytest.mark.anyio
@pytest.mark.parametrize(
    "verdict",
    [
        More(b"prove it"),
        Done(b"", Identity(EntityName.parse("client.x"), 7), Keys(session_key=b"", connection_secret=bytes(64))),
    ],
    ids=["more", "done"],
)
async def test_a_server_that_accepts_nonsense_is_an_error(verdict: Verdict) -> None:
    method: ServerMethod = Welcoming(verdict)
    async with serve("v2:127.0.0.1:0", name="mon.a", auth=[method]) as server:
        with pytest.raises(PeerError, match="does not exist"):
            await probe(str(server.addresses[0]))


@pytest.mark.anyio
async def test_numbers_without_a_name_stay_numbers() -> None:
    async with serve(
        "v2:[::1]:0", name="mgr.x", auth=[Odd(Denied(-13, "no"))], revisions=frozenset(Revision)
    ) as server:
        found = await probe(str(server.addresses[0]))
    assert (found.auth_methods, found.modes, found.revision) == ((77,), (Mode.SECURE,), Revision.REV1)
    assert found.address == server.addresses[0]
    assert str(found.seen_as).startswith("v2:[::1]:")


@pytest.mark.anyio
async def test_nothing_is_left_open() -> None:
    async with serve("v2:127.0.0.1:0", name="mon.a", auth=None) as server:
        await probe(str(server.addresses[0]))
        await probe(str(server.addresses[0]))
    assert server.stats.accepted == 2
    assert server.stats.ready == 0

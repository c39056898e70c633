"""How an acceptor answers: every row, and all combinations of small values against the rows said once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Final, TypeAlias

import pytest

from msgr.session import (
    Accept,
    Drop,
    Existing,
    IdentDecision,
    Latecomer,
    Phase,
    Policy,
    ReconnectDecision,
    Replace,
    Reset,
    Resume,
    Retry,
    RetryGlobal,
    Wait,
    decide_ident,
    decide_reconnect,
)

LESS: Final = b"\x01"
MORE: Final = b"\x02"
OSD: Final = Policy.lossless_peer()
MON: Final = Policy.lossless_peer_reuse()
MDS: Final = Policy.stateful_server()
REGISTERED: Final = Policy.stateless_registered_server()
THERE: Final = Existing(
    phase=Phase.CONNECTING, policy=OSD, client_cookie=11, server_cookie=22, peer_global_seq=5, connect_seq=3
)
"""An ordinary session; each row changes what it is about."""
HALF: Final = replace(THERE, server_cookie=0)
"""We dialled, and had no answer."""


def ident(
    existing: Existing | None,
    *,
    policy: Policy = OSD,
    cookie: int = 11,
    global_seq: int = 5,
    peer: bytes = LESS,
    own: bytes = MORE,
) -> IdentDecision:
    """Answer an ordinary CLIENT_IDENT, but for what is said."""
    return decide_ident(existing, policy=policy, cookie=cookie, global_seq=global_seq, peer_key=peer, own_key=own)


def reconnect(
    existing: Existing | None,
    *,
    policy: Policy = OSD,
    cookie: int = 11,
    global_seq: int = 5,
    connect_seq: int = 4,
    peer: bytes = LESS,
    own: bytes = MORE,
) -> ReconnectDecision:
    """Answer an ordinary SESSION_RECONNECT, but for what is said."""
    return decide_reconnect(
        existing,
        policy=policy,
        client_cookie=cookie,
        global_seq=global_seq,
        connect_seq=connect_seq,
        peer_key=peer,
        own_key=own,
    )


CLOSED: Final = replace(THERE, phase=Phase.CLOSED)
REPLACING: Final = replace(THERE, phase=Phase.REPLACING)
LATE: Final = replace(THERE, latecomer=Latecomer(12, 3))

IDENT_ROWS: Final[list[tuple[IdentDecision, IdentDecision]]] = [
    (ident(THERE, policy=Policy.stateless_server()), Accept("SESSION-IDENT-4")),
    (ident(REPLACING, policy=Policy.stateless_server(), global_seq=0), Accept("SESSION-IDENT-4")),
    (ident(None), Accept("SESSION-IDENT-5")),
    (ident(CLOSED, global_seq=0), Accept("SESSION-IDENT-6")),
    (ident(REPLACING, global_seq=0), Wait("SESSION-IDENT-7")),
    (ident(THERE, global_seq=4), Drop("SESSION-IDENT-8")),
    (ident(THERE, global_seq=4, cookie=12), Drop("SESSION-IDENT-8")),
    (ident(replace(THERE, policy=REGISTERED), global_seq=4), Drop("SESSION-IDENT-8")),
    (ident(replace(THERE, policy=REGISTERED), policy=REGISTERED), Accept("SESSION-IDENT-9", stop=True)),
    (ident(THERE, cookie=12), Replace("SESSION-IDENT-10", peer_is_new=True)),
    (ident(replace(THERE, policy=MON), cookie=12), Replace("SESSION-IDENT-10", reset=True, peer_is_new=True)),
    (ident(THERE, cookie=0), Replace("SESSION-IDENT-10", peer_is_new=True)),
    (ident(THERE), Replace("SESSION-IDENT-11")),
    (ident(HALF, peer=MORE, own=LESS), Replace("SESSION-IDENT-11")),
    (ident(replace(HALF, phase=Phase.READY), cookie=12), Replace("SESSION-IDENT-12")),
    (ident(replace(HALF, phase=Phase.STANDBY), cookie=12, peer=MORE, own=LESS), Replace("SESSION-IDENT-12")),
    (ident(HALF, cookie=12), Replace("SESSION-IDENT-13")),
    (ident(replace(HALF, policy=MDS), cookie=12, peer=MORE, own=LESS), Replace("SESSION-IDENT-13")),
    (ident(HALF, cookie=12, peer=MORE, own=LESS), Wait("SESSION-IDENT-14", nudge=True)),
    (ident(HALF, cookie=12, peer=LESS, own=LESS), Wait("SESSION-IDENT-14", nudge=True)),
    (ident(replace(HALF, phase=Phase.ACCEPTING), cookie=12, peer=MORE, own=LESS), Wait("SESSION-IDENT-14", nudge=True)),
    # SESSION-IDENT-15: one that comes again, counting up, has begun anew; what is merely late does not come twice.
    (ident(LATE, cookie=12, global_seq=4), Replace("SESSION-IDENT-10", peer_is_new=True)),
    (ident(LATE, cookie=12, global_seq=3), Drop("SESSION-IDENT-8")),
    (ident(LATE, cookie=13, global_seq=4), Drop("SESSION-IDENT-8")),
    (ident(replace(THERE, latecomer=Latecomer(11, 3)), cookie=11, global_seq=4), Drop("SESSION-IDENT-8")),
    (ident(replace(THERE, latecomer=Latecomer(0, 3)), cookie=0, global_seq=4), Drop("SESSION-IDENT-8")),
]

RECONNECT_ROWS: Final[list[tuple[ReconnectDecision, ReconnectDecision]]] = [
    (reconnect(None), Reset("SESSION-RECONNECT-1", full=True)),
    (reconnect(CLOSED), Reset("SESSION-RECONNECT-2", full=True)),
    (reconnect(REPLACING, cookie=12), RetryGlobal("SESSION-RECONNECT-3", 5)),
    (reconnect(THERE, cookie=12, global_seq=0), Reset("SESSION-RECONNECT-4", full=False)),
    (reconnect(THERE, cookie=12, policy=MON), Reset("SESSION-RECONNECT-4", full=True)),
    (reconnect(HALF, global_seq=0, policy=MON), Reset("SESSION-RECONNECT-5", full=False)),
    (reconnect(THERE, global_seq=4, connect_seq=0), RetryGlobal("SESSION-RECONNECT-6", 5)),
    (reconnect(THERE, connect_seq=2, peer=MORE, own=LESS), Retry("SESSION-RECONNECT-7", 3)),
    (reconnect(THERE, connect_seq=3, peer=MORE, own=LESS), Wait("SESSION-RECONNECT-8")),
    (reconnect(replace(THERE, policy=MDS), connect_seq=3, peer=MORE, own=LESS), Resume("SESSION-RECONNECT-9")),
    (reconnect(THERE, connect_seq=3, peer=LESS, own=LESS), Resume("SESSION-RECONNECT-9")),
    (reconnect(THERE, connect_seq=3), Resume("SESSION-RECONNECT-9")),
    (reconnect(THERE, connect_seq=4, peer=MORE, own=LESS), Resume("SESSION-RECONNECT-9")),
    (reconnect(replace(THERE, phase=Phase.READY)), Resume("SESSION-RECONNECT-9")),
]


@pytest.mark.parametrize(("got", "wanted"), IDENT_ROWS)
def test_a_row_of_client_ident(got: IdentDecision, wanted: IdentDecision) -> None:
    assert got == wanted


@pytest.mark.parametrize(("got", "wanted"), RECONNECT_ROWS)
def test_a_row_of_session_reconnect(got: ReconnectDecision, wanted: ReconnectDecision) -> None:
    """Demands 22 and 74o."""
    assert got == wanted


def test_every_row_is_shown() -> None:
    assert {wanted.rule for _, wanted in IDENT_ROWS} == {f"SESSION-IDENT-{row}" for row in range(4, 15)}
    assert {wanted.rule for _, wanted in RECONNECT_ROWS} == {f"SESSION-RECONNECT-{row}" for row in range(1, 10)}


# The rows once more, as the facts have them: a condition and an answer each, and the first that fits.

Rows: TypeAlias = Iterator[tuple[bool, str]]
POLICIES: Final = [
    *(Policy.lossy_client(), Policy.lossless_client(), MDS, Policy.stateless_server(), REGISTERED, OSD, MON)
]
KEYS: Final = [LESS, MORE]


def ident_rows(e: Existing, policy: Policy, cookie: int, gseq: int, peer: bytes, own: bytes) -> Rows:
    """The rows of CLIENT_IDENT where there is a session."""
    insists = e.latecomer is not None and cookie and cookie != e.client_cookie and e.latecomer.cookie == cookie
    insists = insists and e.latecomer is not None and e.latecomer.global_seq < gseq
    yield policy.name == "stateless_server", "4 accept"
    yield e.phase is Phase.CLOSED, "6 accept"
    yield e.phase is Phase.REPLACING, "7 wait"
    yield gseq < e.peer_global_seq and not insists, "8 drop"
    yield e.policy.lossy, "9 accept stop"
    both = bool(e.client_cookie) and bool(e.server_cookie)
    yield both and e.client_cookie != cookie and e.policy.resetcheck, "10 replace new reset"
    yield both and e.client_cookie != cookie, "10 replace new"
    yield e.client_cookie == cookie, "11 replace"
    yield e.phase in {Phase.READY, Phase.STANDBY}, "12 replace"
    yield peer < own or e.policy.server, "13 replace"
    yield True, "14 wait nudge"


def reconnect_rows(e: Existing, policy: Policy, cookie: int, gseq: int, cseq: int, *, peer_is_higher: bool) -> Rows:
    """The rows of SESSION_RECONNECT where there is a session."""
    yield e.phase is Phase.CLOSED, "2 reset full"
    yield e.phase is Phase.REPLACING, f"3 retry global {e.peer_global_seq}"
    yield cookie != e.client_cookie and policy.resetcheck, "4 reset full"
    yield cookie != e.client_cookie, "4 reset"
    yield e.server_cookie == 0, "5 reset"
    yield gseq < e.peer_global_seq, f"6 retry global {e.peer_global_seq}"
    yield cseq < e.connect_seq, f"7 retry {e.connect_seq}"
    yield cseq == e.connect_seq and peer_is_higher and not e.policy.server, "8 wait"
    yield True, "9 resume"


def first(rows: Rows) -> str:
    """Return the answer of the first row that fits."""
    return next(answer for fits, answer in rows if fits)


def told(decision: IdentDecision | ReconnectDecision) -> str:
    """Say a decision as the rows do."""
    words = [decision.rule.rpartition("-")[2]]
    match decision:
        case Accept(stop=stop):
            words += ["accept", "stop" * stop]
        case Replace(reset=reset, peer_is_new=new):
            words += ["replace", "new" * new, "reset" * reset]
        case Wait(nudge=nudge):
            words += ["wait", "nudge" * nudge]
        case Drop():
            words += ["drop"]
        case Reset(full=full):
            words += ["reset", "full" * full]
        case Retry(connect_seq=seq):
            words += ["retry", str(seq)]
        case RetryGlobal(global_seq=seq):
            words += ["retry global", str(seq)]
        case Resume():
            words += ["resume"]
    return " ".join(filter(None, words))


def sessions(*, connect_seqs: tuple[int, ...] = (1,), latecomers: tuple[Latecomer | None, ...]) -> Iterator[Existing]:
    """All sessions whose values are small."""
    for phase, policy, client, server, connect_seq, latecomer in product(
        Phase, POLICIES, (0, 1, 2), (0, 3), connect_seqs, latecomers
    ):
        yield Existing(
            phase=phase,
            policy=policy,
            client_cookie=client,
            server_cookie=server,
            peer_global_seq=2,
            connect_seq=connect_seq,
            latecomer=latecomer,
        )


def test_all_small_client_idents() -> None:
    seen = set()
    latecomers = (None, Latecomer(1, 0), Latecomer(0, 0))
    for existing in sessions(latecomers=latecomers):
        for policy, cookie, gseq, peer, own in product(POLICIES, (0, 1, 2), (0, 1, 2, 3), KEYS, KEYS):
            answer = told(ident(existing, policy=policy, cookie=cookie, global_seq=gseq, peer=peer, own=own))
            assert answer == first(ident_rows(existing, policy, cookie, gseq, peer, own))
            seen.add(answer)
    assert len(seen) == 11
    assert {told(ident(None, policy=policy)) for policy in POLICIES} == {"4 accept", "5 accept"}


def test_all_small_reconnects() -> None:
    """Demand 74n."""
    seen = set()
    for existing in sessions(connect_seqs=(0, 1, 2), latecomers=(None,)):
        for policy, cookie, gseq, cseq, peer, own in product(POLICIES, (0, 1), (1, 2, 3), (0, 1, 2), KEYS, KEYS):
            answer = told(
                reconnect(existing, policy=policy, cookie=cookie, global_seq=gseq, connect_seq=cseq, peer=peer, own=own)
            )
            assert answer == first(reconnect_rows(existing, policy, cookie, gseq, cseq, peer_is_higher=own < peer))
            seen.add(answer)
    assert len(seen) == 10

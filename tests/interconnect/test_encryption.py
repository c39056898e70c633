"""Who encrypts: the three by three of NODE-6, as the tables judge it."""

from __future__ import annotations

from itertools import product

import pytest

from msgr.frame import Mode
from msgr.interconnect import Encryption, Node
from msgr.payload import RejectKind

from .ends import hello_of, is_in, meet, node, refusal, verdict

WANTS = list(product(Encryption, Encryption))


def agreed(one: Node, other: Node) -> Mode | None:
    """Return the mode that authentication would settle on, with a method that can key both."""
    return next((mode for mode in one.modes if mode in other.modes), None)


@pytest.mark.parametrize(("ours", "theirs"), WANTS, ids=[f"{a.name}-{b.name}".lower() for a, b in WANTS])
def test_three_by_three(ours: Encryption, theirs: Encryption) -> None:
    """Demand 17: two nodes encrypt unless either has it disabled, and never talk where one has and one requires it."""
    one, other = node(1, encryption=ours), node(2, encryption=theirs)
    both = {ours, theirs}
    mode = agreed(one, other)
    assert mode == agreed(other, one)
    if both == {Encryption.REQUIRED, Encryption.DISABLED}:
        assert mode is None
    else:
        assert mode is (Mode.CRC if Encryption.DISABLED in both else Mode.SECURE)
        assert meet(one, other, mode=mode) == (True, True)


@pytest.mark.parametrize("theirs", Encryption)
@pytest.mark.parametrize("dialled", [False, True])
def test_whatever_was_agreed_on_required_means_required(theirs: Encryption, dialled: bool) -> None:
    """Demands 17 and 20: a permanent refusal that names what each end wants."""
    hello = hello_of(node(2, encryption=theirs))
    no = refusal(verdict(node(1, encryption=Encryption.REQUIRED), hello, mode=Mode.CRC, dialled=dialled))
    wants = theirs.name.lower()
    assert (no.kind, no.rule) == (RejectKind.PERMANENT, "NODE-6")
    assert no.reason == f"the connection is not encrypted; here encryption is required, at the other end {wants}"


@pytest.mark.parametrize("theirs", Encryption)
def test_whatever_was_agreed_on_disabled_means_disabled(theirs: Encryption) -> None:
    """Demand 17."""
    hello = hello_of(node(2, encryption=theirs))
    no = refusal(verdict(node(1, encryption=Encryption.DISABLED), hello, mode=Mode.SECURE))
    wants = theirs.name.lower()
    assert no.reason == f"the connection is encrypted; here encryption is disabled, at the other end {wants}"


@pytest.mark.parametrize("mode", Mode)
def test_optional_takes_what_there_is(mode: Mode) -> None:
    """Demand 18: authentication without encryption is a mode like another."""
    assert meet(node(1), node(2), mode=mode) == (True, True)


def test_a_number_without_a_name_is_no_error() -> None:
    hello = hello_of(node(2), encryption=99)
    assert is_in(verdict(node(1), hello))
    no = refusal(verdict(node(1, encryption=Encryption.REQUIRED), hello, mode=Mode.CRC))
    assert no.reason.endswith("at the other end unknown")

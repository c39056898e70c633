"""The seven policies, against the table of the facts."""

from __future__ import annotations

from typing import Final

import pytest

from msgr.session import STATELESS_SERVER, LosslessSession, LossySession, PeerSession, Policies, Policy
from msgr.wire import EntityType

FACTS: Final = """
    lossy_client                1 0 0 0 1
    lossless_client             0 0 0 1 1
    stateful_server             0 1 1 1 1
    stateless_server            1 1 0 0 0
    stateless_registered_server 1 1 0 0 1
    lossless_peer               0 0 1 0 1
    lossless_peer_reuse         0 0 1 1 1
"""
ROWS: Final = [row.split() for row in FACTS.split("\n") if row.strip()]


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, *row in ROWS], ids=[row[0] for row in ROWS])
def test_a_policy_is_what_the_facts_say(name: str, row: list[str]) -> None:
    policy: Policy = getattr(Policy, name)()
    columns = (policy.lossy, policy.server, policy.standby, policy.resetcheck, policy.register)
    assert [str(int(value)) for value in columns] == row
    assert policy.name == name


@pytest.mark.parametrize(("name", "row"), [(name, row) for name, *row in ROWS], ids=[row[0] for row in ROWS])
def test_the_table_in_the_docstring_is_the_same(name: str, row: list[str]) -> None:
    assert Policy.__doc__ is not None
    (line,) = (line.split() for line in Policy.__doc__.splitlines() if line.split()[:1] == [name])
    assert [{"yes": "1", "no": "0"}[word] for word in line[1:6]] == row


@pytest.mark.parametrize("name", [row[0] for row in ROWS])
def test_a_lossy_policy_has_a_session_that_keeps_nothing(name: str) -> None:
    policy: Policy = getattr(Policy, name)()
    traffic = PeerSession(policy).traffic
    assert isinstance(traffic, LossySession if policy.lossy else LosslessSession)


def test_the_policy_is_chosen_by_the_type_of_the_peer() -> None:
    peer = Policy.lossless_peer_reuse()
    policies = Policies(Policy.stateless_server(), {EntityType.MON: peer})
    assert policies.of(EntityType.MON) is peer
    assert policies.of(1) is peer
    assert policies.of(EntityType.CLIENT) == Policy.stateless_server()
    assert policies.of(77).name == "stateless_server"
    assert STATELESS_SERVER.of(EntityType.OSD) == Policy.stateless_server()

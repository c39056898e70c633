"""Arbitrary interleavings of sending, cutting, dialling and restarting keep the promises, for every lossless policy."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from msgr.session import Policy
from tests.sessions_model.machine import Processes

QUICK: Final = settings(max_examples=150, stateful_step_count=40)
LONG: Final = settings(max_examples=1500, stateful_step_count=80)


class Peers(Processes):
    """OSDs among themselves."""

    low_policy = high_policy = Policy.lossless_peer()


class ReusingPeers(Processes):
    """Monitors among themselves."""

    low_policy = high_policy = Policy.lossless_peer_reuse()


class ClientOfStatefulServer(Processes):
    """An MDS and its client."""

    low_policy = Policy.stateful_server()
    high_policy = Policy.lossless_client()


class StatefulServerOfHigherAddress(Processes):
    """The same, with the addresses the other way round."""

    low_policy = Policy.lossless_client()
    high_policy = Policy.stateful_server()


PeersTest = Peers.TestCase
PeersTest.settings = QUICK
ReusingPeersTest = ReusingPeers.TestCase
ReusingPeersTest.settings = QUICK
ClientTest = ClientOfStatefulServer.TestCase
ClientTest.settings = QUICK
ServerTest = StatefulServerOfHigherAddress.TestCase
ServerTest.settings = QUICK


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "machine",
    [Peers, ReusingPeers, ClientOfStatefulServer, StatefulServerOfHigherAddress],
    ids=lambda one: one.__name__,
)
def test_longer_and_more_of_them(machine: type[Processes]) -> None:
    run_state_machine_as_test(machine, settings=LONG)

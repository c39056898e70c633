"""Arbitrary interleavings of sending, cutting, dialling and restarting keep the promises, for every lossless policy."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from msgr.session import Policy
from tests.sessions_model.ends import EXTENDED
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


class PeersWithChannels(Processes):
    """Two nodes that share their way out, and send large messages in parts (demand 36, demand 42)."""

    setup = EXTENDED[0]


class ClientWithChannels(ClientOfStatefulServer):
    """The same of a client and its server."""

    setup = EXTENDED[0]


PeersTest = Peers.TestCase
PeersTest.settings = QUICK
ReusingPeersTest = ReusingPeers.TestCase
ReusingPeersTest.settings = QUICK
ClientTest = ClientOfStatefulServer.TestCase
ClientTest.settings = QUICK
ServerTest = StatefulServerOfHigherAddress.TestCase
ServerTest.settings = QUICK
ChannelsTest = PeersWithChannels.TestCase
ChannelsTest.settings = QUICK
ClientChannelsTest = ClientWithChannels.TestCase
ClientChannelsTest.settings = QUICK


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "machine",
    [
        Peers,
        ReusingPeers,
        ClientOfStatefulServer,
        StatefulServerOfHigherAddress,
        PeersWithChannels,
        ClientWithChannels,
    ],
    ids=lambda one: one.__name__,
)
def test_longer_and_more_of_them(machine: type[Processes]) -> None:
    run_state_machine_as_test(machine, settings=LONG)

"""What a client makes of a refusal: whether it claimed anything, and what it forgets of it (GLOBALID-4)."""

from __future__ import annotations

from msgr.auth import Claimant, ClientConversation, More, NoneClient
from msgr.frame import Mode

from .helpers import ADMIN, NOW, Office, agree, dice_of, talk


def prove(office: Office, conversation: ClientConversation) -> None:
    """Take a conversation to where its proof is out."""
    verdict = office.server.converse(dice_of("server"), now=NOW).begin(conversation.begin(), mode=Mode.SECURE)
    assert isinstance(verdict, More)
    conversation.more(verdict.payload)


def test_a_claim_that_is_refused_is_forgotten() -> None:
    office = Office()
    client = office.client()
    agree(talk(office, client))
    claiming = client.converse(dice_of("again"), now=NOW)
    claiming.begin()
    assert not claiming.refused()  # before the proof: the claim is not what is wrong
    assert client.global_id == 4096
    claiming = client.converse(dice_of("again"), now=NOW)
    prove(office, claiming)
    assert claiming.refused()
    assert (client.global_id, dict(client.tickets)) == (0, {})
    assert not claiming.refused()


def test_who_claims_nothing_has_nothing_to_forget() -> None:
    office = Office()
    client = office.client()
    first = client.converse(dice_of("first"), now=NOW)
    prove(office, first)
    assert not first.refused()


def test_a_newer_ticket_is_not_forgotten_with_the_claim_of_an_older_one() -> None:
    """Of two conversations at once, one is granted what the other did not know of yet: that one may try again too."""
    office = Office()
    client = office.client()
    agree(talk(office, client))
    slow = client.converse(dice_of("slow"), now=NOW)
    prove(office, slow)
    agree(talk(office, client, seed="quick"))
    newer = dict(client.tickets)
    assert slow.refused()
    assert (client.global_id, dict(client.tickets)) == (4096, newer)


def test_method_none_claims_nothing() -> None:
    assert not isinstance(NoneClient(ADMIN).converse(dice_of("none"), now=NOW), Claimant)

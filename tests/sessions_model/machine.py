"""Two processes that send, cut, dial and restart as Hypothesis likes, and the promises that hold all the while."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, Literal, TypeAlias

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from msgr.core.states import Ready
from msgr.errors import ConnectionLost, FailureKind, IdentError, MsgrError, NodeRefused, ToldToWait
from msgr.session import Message, Outcome, Policy
from tests.sessions_model.ends import ALL, HIGH, LOW, NOW, PLAIN, Authority, End, Stream, restarted

Side: TypeAlias = Literal["low", "high"]
SIDES: Final[tuple[Side, Side]] = ("low", "high")
sides: Final = st.sampled_from(SIDES)
picks: Final = st.integers(0, 7)
tips: Final = st.sampled_from((0, 1))
turns: Final = st.integers(0, 14)
"""How often bytes are carried one way; a handshake has nine of these turns."""
sizes: Final = st.one_of(st.just(ALL), st.integers(0, 700))
kept: Final = st.one_of(st.just(0), st.just(ALL), st.integers(0, 700))
_TRIES: Final = 12
_ORDINARY: Final = frozenset({"SESSION-IDENT-8"})


class Processes(RuleBasedStateMachine):
    """What happens to two processes; a subclass says which policies they have."""

    low_policy = Policy.lossless_peer()
    high_policy = Policy.lossless_peer()
    setup = PLAIN

    def __init__(self) -> None:
        super().__init__()
        self.authority = Authority(self.setup)
        self.now: dict[Side, End] = {
            "low": End("osd.0", LOW, self.low_policy, authority=self.authority),
            "high": End("osd.1", HIGH, self.high_policy, authority=self.authority),
        }
        for end in self.now.values():
            end.table.global_seqs.next(above=100)  # they have been there for a while
        self.lives: dict[Side, list[End]] = {side: [end] for side, end in self.now.items()}
        self.streams: list[Stream] = []
        self.pushed = 0
        self.author: dict[int, End] = {}
        """Who sent the message of that number."""
        self.uncertain: set[int] = set()
        """Messages that a process wrote to a peer of which it heard nothing, and that restarted (see `restart`)."""
        self.allowed: dict[End, int] = defaultdict(int)
        """How many resets a process may report: one each time that the other restarted."""
        self.due: dict[End, int] = {}
        """How many resets a process has to report at least, in the end."""

    # What can happen.

    @rule(
        side=sides,
        priority=st.sampled_from((64, 127, 196)),
        size=st.sampled_from((0, 40, 3000, 10_000)),
        channel=st.sampled_from((0, 1, 2)),
    )
    def send(self, side: Side, priority: int, size: int, channel: int) -> None:
        end, peer = self.now[side], self.now[other(side)]
        if end.policy.server and end.table.find((peer.address,)) is None:
            return
        data = bytes([self.pushed & 0xFF]) * size
        end.push(peer, Message(type=1, tid=self.pushed, priority=priority, data=data, channel=channel))
        self.author[self.pushed] = end
        self.pushed += 1

    @rule(side=sides)
    def dial(self, side: Side) -> None:
        end, peer = self.now[side], self.now[other(side)]
        if not end.policy.server and end.session_with(peer).link is None:
            self.streams.append(end.dial(peer))

    @rule(side=sides, turns=turns, breaks=st.booleans())
    def attempt(self, side: Side, turns: int, breaks: bool) -> None:
        """Dial, and get so far; then perhaps the stream breaks."""
        self.dial(side)
        if self.streams:
            self._take_turns(self.streams[-1], turns)
            if breaks:
                self.streams[-1].break_off()
                self._forget_streams()

    @rule(first=sides, order=st.lists(st.booleans(), max_size=30), breaks=st.booleans())
    def dial_at_once(self, first: Side, order: list[bool], breaks: bool) -> None:
        """Dial from both sides, and let the two streams get so far in any order; then perhaps one breaks."""
        self.dial(first)
        self.dial(other(first))
        if len(self.streams) < 2:
            return
        racers = self.streams[-2:]
        steps = [0, 0]
        for second in order:
            stream = racers[second]
            stream.carry(stream.tips[steps[second] % 2])
            steps[second] += 1
        if breaks:
            racers[0].break_off()
        self._forget_streams()

    @precondition(lambda self: self.streams)
    @rule(pick=picks, turns=st.integers(0, 3), noticed=st.sampled_from((0, 1, 2)))
    def lose(self, pick: int, turns: int, noticed: int) -> None:
        """Break a stream after so many turns, and let one end notice, or both."""
        stream = self.streams[pick % len(self.streams)]
        self._take_turns(stream, turns)
        stream.cut()
        for tip in stream.tips[noticed : noticed + 1] or stream.tips:
            stream.carry(tip)
        self._forget_streams()

    def _take_turns(self, stream: Stream, turns: int) -> None:
        for turn in range(turns):
            stream.carry(stream.tips[turn % 2])

    @precondition(lambda self: self.streams)
    @rule(pick=picks, tip=tips, size=sizes, keepalive=st.booleans())
    def carry(self, pick: int, tip: int, size: int, keepalive: bool) -> None:
        stream = self.streams[pick % len(self.streams)]
        asker = stream.tips[1 - tip]
        if keepalive and asker.ready:
            asker.connection.send_keepalive(now=NOW)
        stream.carry(stream.tips[tip], size)

    @precondition(lambda self: self.streams)
    @rule(pick=picks)
    def pump(self, pick: int) -> None:
        self.streams[pick % len(self.streams)].pump()
        self._forget_streams()

    @precondition(lambda self: self.streams)
    @rule(pick=picks, keep_dialler=kept, keep_acceptor=kept)
    def cut(self, pick: int, keep_dialler: int, keep_acceptor: int) -> None:
        stream = self.streams[pick % len(self.streams)]
        for tip in stream.tips:
            stream.write(tip)
        stream.cut(keep_dialler=keep_dialler, keep_acceptor=keep_acceptor)

    @rule(side=sides, counts_on=st.booleans())
    def restart(self, side: Side, counts_on: bool) -> None:
        """Begin anew as a process that knows nothing; its global_seq goes on where the clock feeds it."""
        old, survivor = self.now[side], self.now[other(side)]
        new = self.now[side] = restarted(old, seed=f"/{len(self.lives[side])}", authority=self.authority)
        self.lives[side].append(new)
        if counts_on:
            new.table.global_seqs.next(above=old.table.global_seqs.last)
        for stream in self.streams:
            self._bury(stream, old, forget=not counts_on)
        self._expect_reset(survivor, old)

    def _bury(self, stream: Stream, dead: End, *, forget: bool) -> None:
        for tip in stream.tips:
            if tip.end is dead:
                tip.dead = True
                tip.inbound.clear()
                opposite = stream.other(tip)
                opposite.finished = True
                if forget and not opposite.ready:
                    # By its numbers, nobody could tell an introduction that comes late from one that comes after.
                    opposite.inbound.clear()

    def _expect_reset(self, survivor: End, dead: End) -> None:
        self.allowed[survivor] += 1
        session = survivor.table.find((dead.address,))
        if session is None or not (session.client_cookie and session.server_cookie):
            return
        if survivor.met_after == len(survivor.resets):
            self.due[survivor] = len(survivor.resets) + 1
        else:
            # To a server that heard nothing from its client, one that restarted looks like one that never heard of it
            # (RESET without full): what it wrote is written again, though the client that is gone may have had it.
            self.uncertain |= {sent.message.tid for sent in survivor.sent if sent.receipt.outcome is None}

    # What has to hold.

    @invariant()
    def nothing_comes_twice(self) -> None:
        for side in SIDES:
            numbers = [tid for end in self.lives[side] for tid in end.tids]
            twice = {tid for tid in numbers if numbers.count(tid) > 1} if len(set(numbers)) < len(numbers) else set()
            assert twice <= self.uncertain
            for end in self.lives[side]:
                assert len(set(end.tids)) == len(end.tids)

    @invariant()
    def order_is_kept(self) -> None:
        for side in SIDES:
            for end in self.lives[side]:
                last: dict[tuple[End, int], int] = {}
                for message in end.delivered:
                    line = self.author[message.tid], message.channel if self.setup.extended else message.priority
                    assert message.tid > last.get(line, -1)
                    last[line] = message.tid

    @invariant()
    def what_arrives_is_what_was_sent(self) -> None:
        for side in SIDES:
            for end in self.lives[side]:
                for message in end.delivered[-3:]:
                    sent = next(
                        each.message for each in self.author[message.tid].sent if each.message.tid == message.tid
                    )
                    assert bytes(message.data) == sent.data
                    assert message.channel == (sent.channel if self.setup.extended else 0)

    @invariant()
    def receipts_tell_the_truth(self) -> None:
        for side in SIDES:
            delivered = {tid for end in self.lives[other(side)] for tid in end.tids}
            for end in self.lives[side]:
                outcomes = end.outcomes()
                assert outcomes[Outcome.ACKNOWLEDGED] <= delivered
                assert not outcomes[Outcome.UNDELIVERED] & delivered
                assert sum(map(len, outcomes.values())) == len(end.sent)

    @invariant()
    def resets_have_a_cause(self) -> None:
        for side in SIDES:
            for end in self.lives[side]:
                assert len(end.resets) <= self.allowed[end]
                if not self.allowed[end]:
                    outcomes = end.outcomes()
                    assert not outcomes[Outcome.UNKNOWN] | outcomes[Outcome.UNDELIVERED]

    @invariant()
    def nobody_breaks_a_rule(self) -> None:
        for side in SIDES:
            for end in self.lives[side]:
                assert all(map(is_ordinary, end.errors)), end.errors

    @invariant()
    def the_link_of_a_session_is_alive(self) -> None:
        live = {id(tip.connection) for stream in self.streams for tip in stream.tips if not tip.over}
        for end in self.now.values():
            for session in end.table:
                assert session.link is None or id(session.link) in live

    @invariant()
    def whoever_is_ready_is_the_link(self) -> None:
        for stream in self.streams:
            for tip in stream.tips:
                state = tip.connection.state
                if isinstance(state, Ready) and not tip.dead:
                    assert state.session.link is tip.connection

    def teardown(self) -> None:
        self._reconcile()
        low, high = self.now["low"], self.now["high"]
        for end, peer in ((low, high), (high, low)):
            outcomes = end.outcomes()
            assert not outcomes[None]
            if len(self.lives["low"]) + len(self.lives["high"]) == 2:
                assert sorted(peer.tids) == sorted(outcomes[Outcome.ACKNOWLEDGED]) == [s.message.tid for s in end.sent]
            assert len(end.resets) >= self.due.get(end, 0), "a reset was not reported"
        self.nothing_comes_twice()
        self.order_is_kept()
        self.receipts_tell_the_truth()
        self.resets_have_a_cause()
        self.nobody_breaks_a_rule()

    def _reconcile(self) -> None:
        """Let both dial in turn until they are connected, and everything that waits has gone out."""
        for attempt in range(_TRIES):
            for stream in self.streams:
                stream.pump()
            self._forget_streams()
            if any(self._connects_both(stream) for stream in self.streams):
                return
            self.dial(SIDES[attempt % 2])
        raise AssertionError(f"no connection after {_TRIES} tries")

    def _forget_streams(self) -> None:
        self.streams = [stream for stream in self.streams if not stream.over]

    def _connects_both(self, stream: Stream) -> bool:
        return stream.ready and {tip.end for tip in stream.tips} == set(self.now.values())


def other(side: Side) -> Side:
    """Return the opposite side."""
    return "high" if side == "low" else "low"


def is_ordinary(error: MsgrError) -> bool:
    """Tell whether a connection may end so between two ends that keep all rules."""
    if isinstance(error, ConnectionLost | ToldToWait):
        return True
    told = isinstance(error, IdentError | NodeRefused) and error.rule in _ORDINARY
    return told and error.kind is FailureKind.TRANSIENT

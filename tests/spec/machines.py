"""Tags, states and decisions as tables, from the tables and functions that the code goes by."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from msgr.core import CLIENT, SERVER, Event, states
from msgr.core.node import EXTENDED_CLIENT, EXTENDED_SERVER
from msgr.frame import NodeTag, Tag, tag_name
from msgr.payload import CONTROL, AuthRequestMore, Control, NodeControl, SessionReconnect
from msgr.session import PeerSession, Policy, SessionTable, decide_ident, decide_reconnect
from tests.core.pair import SERVER_AT
from tests.core.reach import CLIENT_STEPS, SERVER_STEPS
from tests.core.script import CLIENT as DIALLING
from tests.core.script import CLIENT_IDENT, Script, State, request
from tests.core.script import SERVER as ACCEPTING
from tests.core.test_extended_table import EXTENDED, EXTENDED_ANSWERS
from tests.core.test_table import ANSWERS, EXPECTED

from .table import kept, link, table

_BETWEEN: Final[Mapping[str, tuple[State, ...]]] = {
    "client": (states.AwaitCompressionDone, states.AwaitNodeHello, states.AwaitOwner, states.AwaitNodeVerdict),
    "server": (states.AwaitCompressionRequest, states.AwaitNodeHello, states.AwaitOwner),
}
"""The states that the extension puts between, and the one before them."""

TABLES: Final[Mapping[str, Mapping[State, Mapping[int, object]]]] = {
    "client": CLIENT,
    "server": SERVER,
    "extended-client": {state: EXTENDED_CLIENT[state] for state in _BETWEEN["client"]},
    "extended-server": {state: EXTENDED_SERVER[state] for state in _BETWEEN["server"]},
}
STEPS: Final[Mapping[str, Mapping[State, Mapping[str, str]]]] = {
    **EXPECTED,
    **{f"extended-{role}": rows for role, rows in EXTENDED.items()},
}
_ANSWERS: Final[Mapping[str, str]] = {
    "Accept()": "SERVER_IDENT, a new session",
    "Accept(stop=True)": "end that session and its connection; SERVER_IDENT, a new session",
    "Replace()": "SERVER_IDENT; the session moves to this connection",
    "Replace(reset=existing.policy.resetcheck, peer_is_new=True)": (
        "SERVER_IDENT; the session moves to this connection and forgets, with *resetcheck* its queue too"
    ),
    "Wait()": "WAIT",
    "Wait(nudge=True)": "WAIT; a keepalive on our own connection",
    "Drop()": "close, no answer",
    "Reset(full=True)": "SESSION_RESET, full",
    "Reset(full=False)": "SESSION_RESET, not full",
    "Reset(full=policy.resetcheck)": "SESSION_RESET, full with *resetcheck*",
    "RetryGlobal(existing.peer_global_seq)": "SESSION_RETRY_GLOBAL with the session's peer_global_seq",
    "Retry(existing.connect_seq)": "SESSION_RETRY with the session's connect_seq",
    "Resume()": "SESSION_RECONNECT_OK; the session moves to this connection",
}


def taken_in(role: str, tag: Tag) -> list[str]:
    """Return the states in which an end takes frames of this tag."""
    return [state.__name__ for state, row in TABLES[role].items() if tag in row]


def tags(here: Mapping[str, str], body: str) -> str:
    """Return the table of all tags: who sends each, and when."""
    rows = []
    for tag in Tag:
        by_client, by_server = bool(taken_in("server", tag)), bool(taken_in("client", tag))
        way = "both" if by_client and by_server else "client → server" if by_client else "server → client"
        taken = list(dict.fromkeys([*taken_in("server", tag), *taken_in("client", tag)]))
        payload = CONTROL[tag].__name__ if tag in CONTROL else "MessageHeader"
        rows.append([str(int(tag)), link(tag_name(tag), payload, here), way, ", ".join(taken)])
    return "\n" + kept(["tag", "name", "direction", "taken in", "says"], rows, body, key=0) + "\n"


def answers(role: str, state: State, tag: int) -> str:
    """Return what answers a frame of this tag."""
    if role in EXPECTED:
        answer = ANSWERS.get((role, tag_name(tag)))
        return answer.name if answer else ""
    if state is states.AwaitOwner:
        return ""
    return ", ".join(
        tag_name(answer) for answer in EXTENDED_ANSWERS.get((role.removeprefix("extended-"), tag_name(tag)), ())
    )


def state_table(role: str, here: Mapping[str, str], body: str) -> str:
    """Return the table of an end's states: which frames each takes, what answers them, and what comes next."""
    rows = []
    for state, row in TABLES[role].items():
        for tag in row:
            step = STEPS[role][state][tag_name(tag)]
            rule = step.rpartition(" ")[2]
            following = f"the end ({link(rule, rule, here)})" if " " in step else f"`{step}`"
            said = answers(role, state, tag) if " " not in step else ""
            rows.append([f"`{state.__name__}` {tag_name(tag)}", said, following])
        if not row and state is not states.Ended:
            rows.append([f"`{state.__name__}` no frame", "", ""])
    return "\n" + kept(["state, and what it takes", "answer", "next state", "remarks"], rows, body, key=0) + "\n"


def drawing(role: str) -> str:
    """Return the state machine of an end as a diagram: the steps of the table, and those that were seen besides."""
    arrows: dict[tuple[str, str], list[str]] = {}
    steps = [
        (state.__name__, EXPECTED[role][state][tag_name(tag)], tag)
        for state, row in TABLES[role].items()
        for tag in row
    ]
    order = [state.__name__ for state in TABLES[role]]
    for start, end, tag in sorted(dict.fromkeys([*steps, *seen(role)]), key=lambda step: order.index(step[0])):
        arrows.setdefault((start, "[*]" if " " in end else end), []).append(tag_name(tag))
    first, second = list(TABLES[role])[:2]
    lines = [f"    [*] --> {first.__name__}: connected", f"    {first.__name__} --> {second.__name__}: banner"]
    lines += [f"    {start} --> {end}: {', '.join(names)}" for (start, end), names in arrows.items()]
    return "\n```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```\n\n"


COOKIE: Final = 5
MORE_STEPS: Final[Mapping[tuple[str, State], tuple[Control, ...]]] = {
    ("server", states.AwaitAuthRequest): (request(b"D"), request(b"no")),
    ("server", states.AwaitAuthMore): (AuthRequestMore(payload=b"M"),),
    ("server", states.AwaitClientIdent): (
        replace(CLIENT_IDENT, supported=0),
        SessionReconnect(
            addresses=(SERVER_AT,), client_cookie=COOKIE, server_cookie=7, global_seq=1, connect_seq=1, msg_seq=0
        ),
    ),
}
"""What else an end may be told in a state, beside the way that leads through it."""


class _Watched(Script):
    """A connection that is led through its states, and the steps that it took; it knows one session."""

    def __init__(self, role: str, state: State) -> None:
        session = PeerSession(Policy.lossless_peer(), (SERVER_AT,))
        session.client_cookie, session.server_cookie, session.connect_seq = COOKIE, 7, 1
        self.steps: list[tuple[str, str, Tag | NodeTag]] = []
        if role == "client":
            super().__init__(DIALLING, session=session if state is states.AwaitReconnectOk else None)
        else:
            sessions = SessionTable()
            sessions.register(session)
            super().__init__(ACCEPTING, sessions=sessions)

    def say(self, *payloads: Control | NodeControl) -> list[Event]:
        before = type(self.end.state).__name__
        events = super().say(*payloads)
        self.steps.append((before, type(self.end.state).__name__, payloads[0].tag))
        return events


def seen(role: str) -> Iterator[tuple[str, str, Tag | NodeTag]]:
    """Yield the steps that lead an end into each of its states, and those that it takes besides."""
    for state, ways in (CLIENT_STEPS if role == "client" else SERVER_STEPS).items():
        for payload in (None, *MORE_STEPS.get((role, state), ())):
            watched = _Watched(role, state)
            for way in ways:
                way(watched)
            if payload is not None:
                watched.say(payload)
            yield from watched.steps


def decisions(which: str, here: Mapping[str, str]) -> str:
    """Return the rows of an acceptor's decision, as they stand in the code: the first that fits decides."""
    decide: Callable[..., object] = decide_ident if which == "ident" else decide_reconnect
    (function,) = ast.parse(inspect.getsource(decide)).body
    assert isinstance(function, ast.FunctionDef)
    rows: list[list[str]] = []
    for statement in function.body[1:]:  # behind the docstring
        branch = statement.body[0] if isinstance(statement, ast.If) else statement
        condition = f"`{ast.unparse(statement.test)}`" if isinstance(statement, ast.If) else "anything else"
        assert isinstance(branch, ast.Return)
        rule, answer = answered(branch.value)
        rows.append([str(len(rows) + 1), condition.replace("_has_", "has_"), _ANSWERS[answer], link(rule, rule, here)])
    return "\n" + table(["row", "if", "answer", "rule"], rows) + "\n"


def answered(call: ast.expr | None) -> tuple[str, str]:
    """Return the rule and the rest of a decision, which names its rule first."""
    assert isinstance(call, ast.Call)
    rule, *rest = call.args
    assert isinstance(rule, ast.Constant)
    return str(rule.value), ast.unparse(ast.Call(call.func, rest, call.keywords))


def policies(body: str) -> str:
    """Return the table of the policies."""
    made = [make() for name, make in inspect.getmembers(Policy, inspect.ismethod) if not name.startswith("_")]
    promises = ["lossy", "server", "standby", "resetcheck", "register"]
    rows = [[policy.name, *("yes" if getattr(policy, name) else "no" for name in promises)] for policy in made]
    return "\n" + kept(["policy", *promises, "who uses it"], rows, body, key=0) + "\n"

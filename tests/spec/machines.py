"""Tags, states and decisions as tables, from the tables and functions that the code goes by."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from msgr.core import CLIENT, SERVER, Event, states
from msgr.frame import Tag
from msgr.payload import CONTROL, AuthRequestMore, Control, SessionReconnect
from msgr.session import PeerSession, Policy, SessionTable, decide_ident, decide_reconnect
from tests.core.pair import SERVER_AT
from tests.core.reach import CLIENT_STEPS, SERVER_STEPS
from tests.core.script import CLIENT as DIALLING
from tests.core.script import CLIENT_IDENT, Script, State, request
from tests.core.script import SERVER as ACCEPTING
from tests.core.test_table import ANSWERS, EXPECTED

from .table import kept, link, table

TABLES: Final[Mapping[str, Mapping[State, Mapping[Tag, object]]]] = {"client": CLIENT, "server": SERVER}
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
        rows.append([str(int(tag)), link(tag.name, payload, here), way, ", ".join(taken)])
    return "\n" + kept(["tag", "name", "direction", "taken in", "says"], rows, body, key=0) + "\n"


def state_table(role: str, here: Mapping[str, str], body: str) -> str:
    """Return the table of an end's states: which frames each takes, what answers them, and what comes next."""
    rows = []
    for state, row in TABLES[role].items():
        for tag in row:
            step = EXPECTED[role][state][tag.name]
            rule = step.rpartition(" ")[2]
            following = f"the end ({link(rule, rule, here)})" if " " in step else f"`{step}`"
            answer = ANSWERS.get((role, tag.name))
            rows.append(
                [f"`{state.__name__}` {tag.name}", answer.name if answer and " " not in step else "", following]
            )
        if not row and state is not states.Ended:
            rows.append([f"`{state.__name__}` no frame", "", ""])
    return "\n" + kept(["state, and what it takes", "answer", "next state", "remarks"], rows, body, key=0) + "\n"


def drawing(role: str) -> str:
    """Return the state machine of an end as a diagram: the steps of the table, and those that were seen besides."""
    arrows: dict[tuple[str, str], list[str]] = {}
    steps = [
        (state.__name__, EXPECTED[role][state][tag.name], tag) for state, row in TABLES[role].items() for tag in row
    ]
    order = [state.__name__ for state in TABLES[role]]
    for start, end, tag in sorted(dict.fromkeys([*steps, *seen(role)]), key=lambda step: order.index(step[0])):
        arrows.setdefault((start, "[*]" if " " in end else end), []).append(tag.name)
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
        self.steps: list[tuple[str, str, Tag]] = []
        if role == "client":
            super().__init__(DIALLING, session=session if state is states.AwaitReconnectOk else None)
        else:
            sessions = SessionTable()
            sessions.register(session)
            super().__init__(ACCEPTING, sessions=sessions)

    def say(self, *payloads: Control) -> list[Event]:
        before = type(self.end.state).__name__
        events = super().say(*payloads)
        self.steps.append((before, type(self.end.state).__name__, payloads[0].tag))
        return events


def seen(role: str) -> Iterator[tuple[str, str, Tag]]:
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

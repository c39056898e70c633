"""`msgr doctor`: what is wrong, and what to do about it?"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

import anyio
import typer

from ..capture.words import printable
from ..core import Timeouts
from ..doctor import Examination, Finding, Subject, examine
from .options import (
    AddressArgument,
    JsonOption,
    KeyringOption,
    ModeOption,
    RevisionName,
    RevisionOption,
    load,
    modes_of,
    revision_of,
)
from .report import FAILED, FINE, NO_PEER, Report

_MARKS: Final = {True: "ok", False: "WRONG", None: "-"}


def doctor(
    address: AddressArgument,
    name: Annotated[str, typer.Option("--name", metavar="TYPE.ID", help="Who we are.")] = "client.admin",
    keyring: KeyringOption = None,
    mode: ModeOption = None,
    revision: RevisionOption = RevisionName.REV1,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long one question may take.")
    ] = 5.0,
    cluster: Annotated[
        str, typer.Option("--cluster", metavar="ID", help="The cluster that we say our node is of.")
    ] = "",
    reverse: Annotated[
        str, typer.Option("--reverse", metavar="v2:IP:PORT", help="Where a node may dial us back: we listen there.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Ask what an operator would ask, and say what is wrong.

    Name, connection, banner, HELLO, authentication, identity, round trips, how large a frame the path carries, and
    what this host's own tables say of queues and sockets. Without a keyring, it logs in only where no proof is asked.

    A peer that is a node of a mesh is asked for more: who it is, how large a frame comes back, and with --reverse
    whether it can dial us. Without --cluster it is asked as one of its own cluster.

    Exit codes: 0 nothing is wrong, 1 something is, 2 usage, 3 nobody is there.
    """
    report = Report(json=json)
    subject = Subject(
        address=address,
        name=name,
        auth=load(keyring, mode),
        modes=modes_of(mode),
        revisions=frozenset({revision_of(revision)}),
        timeouts=Timeouts(handshake=timeout),
        cluster=cluster,
        reverse=reverse,
    )
    found = anyio.run(partial(examine, subject, partial(_tell, report)))
    report.line()
    report.line(printable(found.verdict))
    checks = [{"name": each.name, "ok": each.ok, "detail": each.detail} for each in found.findings]
    report.document({"address": address, "checks": checks})
    if (code := _code(found)) != FINE:
        raise typer.Exit(code)


def _tell(report: Report, finding: Finding) -> None:
    # A peer's words may be in it, and must not steer the terminal.
    report.line(printable(f"{_MARKS[finding.ok]:<5}  {finding.name.replace('_', ' '):<12}  {finding.detail}"))


def _code(found: Examination) -> int:
    if found.healthy:
        return FINE
    return NO_PEER if found.nobody else FAILED

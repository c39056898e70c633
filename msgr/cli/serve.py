"""`msgr serve`: a server to talk to."""

from __future__ import annotations

import logging
import signal
from functools import partial
from typing import Annotated

import anyio
import typer

from .. import net
from ..auth import Keyring
from ..core import Compression
from ..frame import Mode, Revision
from .echo import Echoed, echo_all
from .options import (
    AddressArgument,
    CompressOption,
    JsonOption,
    KeyringOption,
    ModeOption,
    RevisionName,
    RevisionOption,
    compression_of,
    load,
    modes_of,
    revision_of,
)
from .report import Report
from .words import listed, written


def serve(
    address: AddressArgument,
    name: Annotated[str, typer.Option("--name", metavar="TYPE.ID", help="Who we are.")] = "mon.a",
    keyring: KeyringOption = None,
    mode: ModeOption = None,
    revision: RevisionOption = RevisionName.REV1,
    compress: CompressOption = None,
    json: JsonOption = False,
) -> None:
    """Be an echo server until Ctrl-C or SIGTERM.

    Every message comes back with its tid, type and segments.

    Port 0 takes any free one. The address is printed once the server listens: on standard output, or with --json on
    standard error. The document of --json comes at the end.
    """
    report = Report(json=json)
    # Those who come, go, or fail to get in.
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    host = partial(
        _serve,
        address,
        name=name,
        keyring=load(keyring, mode),
        modes=modes_of(mode),
        revision=revision_of(revision),
        compression=compression_of(compress),
        report=report,
    )
    anyio.run(host)


async def _serve(
    address: str,
    *,
    name: str,
    keyring: Keyring | None,
    modes: tuple[Mode, ...],
    revision: Revision,
    compression: Compression | None,
    report: Report,
) -> None:
    echoed = Echoed()
    async with anyio.create_task_group() as tasks:
        revisions = frozenset({revision})
        async with net.serve(
            address, name=name, auth=keyring, modes=modes, revisions=revisions, compression=compression
        ) as server:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                tasks.start_soon(echo_all, server, tasks, echoed, report.note)
                if keyring is None:
                    report.note("no keyring is given: method none, everybody is let in")
                # The last word of the line is the address: whoever starts this in a script wants it.
                ready = f"{name} listens at {listed(map(written, server.addresses))}"
                (report.note if report.json else report.line)(ready)
                await anext(signals)
            # From here on another Ctrl-C ends it without waiting for anybody.
        tasks.cancel_scope.cancel()
    failed = server.stats.failed
    report.line(
        f"{echoed.sessions:,} sessions, {echoed.messages:,} messages and {echoed.bytes:,} bytes sent back; "
        f"{failed:,} handshakes failed"
    )
    report.document(
        {
            "addresses": [written(listening) for listening in server.addresses],
            "sessions": echoed.sessions,
            "messages": echoed.messages,
            "bytes": echoed.bytes,
            "failed": failed,
        }
    )

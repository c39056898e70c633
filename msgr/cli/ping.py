"""`msgr ping`: does a whole handshake work, and how long does an answer take?"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio
import typer

from ..auth import Keyring
from ..capture.payloads import method_name, mode_name
from ..capture.words import counted
from ..core import Compression, Timeouts
from ..errors import TimedOut
from ..frame import Mode, Revision
from ..net import Session, connect
from ..wire import EntityName
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
from .words import algorithm_word, micros, spread


def ping(
    address: AddressArgument,
    name: Annotated[str, typer.Option("--name", metavar="TYPE.ID", help="Who we are.")] = "client.admin",
    keyring: KeyringOption = None,
    mode: ModeOption = None,
    revision: RevisionOption = RevisionName.REV1,
    compress: CompressOption = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many keepalives to send.")] = 5,
    json: JsonOption = False,
) -> None:
    """Make a session with a peer, and measure round trips.

    The whole handshake comes first; then keepalives (KEEPALIVE2) are sent one after the other.

    With --compress, it is also told whether the peer agrees; --json then has the key compression, null where not.
    """
    EntityName.parse(name)  # what is no name is refused before anything is said
    measure = partial(
        _ping,
        address,
        name=name,
        keyring=load(keyring, mode),
        modes=modes_of(mode),
        revision=revision_of(revision),
        compression=compression_of(compress),
        count=count,
        report=Report(json=json),
    )
    anyio.run(measure)


async def _ping(
    address: str,
    *,
    name: str,
    keyring: Keyring | None,
    modes: tuple[Mode, ...],
    revision: Revision,
    compression: Compression | None,
    count: int,
    report: Report,
) -> None:
    if keyring is None:
        report.line("no keyring is given: method none, which proves nothing")
    async with connect(
        address, name=name, auth=keyring, modes=modes, revisions=frozenset({revision}), compression=compression
    ) as session:
        login = session.peer.login
        chosen = mode_name(login.mode)
        agreed = algorithm_word(session.peer.compression)
        more = "" if compression is None else f", compression {agreed or 'refused'}"
        report.line(
            f"{address}: {chosen} mode, revision {login.met.revision}, {method_name(login.method)} as {name}, "
            f"global id {login.global_id}{more}"
        )
        times = [await _once(session, number, report) for number in range(1, count + 1)]
    report.line(f"{counted(count, 'round trip')}: {spread(times)}")
    report.document(
        {
            "address": address,
            "mode": chosen,
            "revision": str(login.met.revision),
            "global_id": login.global_id,
            "rtt_us": times,
        }
        | ({} if compression is None else {"compression": agreed})
    )


async def _once(session: Session, number: int, report: Report) -> float:
    limit = Timeouts().handshake  # a keepalive has no time-out of its own
    try:
        with anyio.fail_after(limit):
            taken = micros(await session.ping())
    except TimeoutError:
        raise TimedOut(f"keepalive {number} has no answer after {limit:g} s [KEEPALIVE-2]") from None
    report.line(f"keepalive {number}: {taken:,.0f} us")
    return taken

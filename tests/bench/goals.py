"""What msgr sets out to reach, each as a ratio within one run of the benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from .figures import Results, compiled

SECURE: Final = "msgr-secure"
CRC: Final = "msgr-crc"
_IDLE: Final = 24 << 10
_COPIES: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Something to reach, and how far we are."""

    says: str
    wanted: float
    reached: float
    at_most: bool = False
    """Whether the figure is a limit, and not something to reach."""

    @property
    def met(self) -> bool:
        """Whether it is reached."""
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted

    def __str__(self) -> str:
        wish = "at most" if self.at_most else "at least"
        return f"{'met ' if self.met else 'MISS'}  {self.reached:10,.2f}  {wish} {self.wanted:,g}: {self.says}"

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {**asdict(self), "reached": round(self.reached, 4), "met": self.met}


def goals(
    results: Results, ceph: Mapping[str, Mapping[tuple[int, str], float]], memory: Mapping[str, Mapping[str, float]]
) -> list[Goal]:
    """Return the goals that there are figures for.

    `ceph` has messages a second by size and pair, for Ceph's programs as shipped and without their sleeps; `memory` has
    what `memory.py` measures.
    """
    return [*_against_peers(results), *_against_ceph(results, ceph), *_memory(memory)]


def _against_peers(results: Results) -> Iterator[Goal]:
    wanted = (
        ("4 MiB", SECURE, None, 2.0),
        ("4 MiB", CRC, "sockets", 0.8),
        ("4 KiB", SECURE, None, 1.5 if compiled() else 1.0),
        ("100 B", SECURE, "pyzmq-curve" if compiled() else "asyncio-tls", 1.0),
        ("round trip", SECURE, "asyncio-tls", 1.0),
        ("connections", SECURE, "asyncio-tls", 1.0),
    )
    for name, ours, other, ratio in wanted:
        work = results.find(name)
        if work is None:
            continue
        peer = other or results.best_secure_peer(work)
        reached = results.ratio(work, ours, peer) if peer else None
        if reached is not None:
            best = ", the best secure peer" if other is None else ""
            yield Goal(says=f"{name}: {ours} to {peer}{best}", wanted=ratio, reached=reached)


def _against_ceph(results: Results, ceph: Mapping[str, Mapping[tuple[int, str], float]]) -> Iterator[Goal]:
    quick = ceph.get("without sleeps", {})
    work = results.find("4 MiB")
    theirs = quick.get((4 << 20, "theirs to theirs"))
    if work is not None and theirs and SECURE in results.names(work):
        says = "4 MiB: msgr-secure, one way, to Ceph's messenger in crc mode"
        yield Goal(says=says, wanted=0.5, reached=results.median(work, SECURE) / theirs)
    for how, ratio in (("as shipped", 1.0), ("without sleeps", 0.5)):
        figures = ceph.get(how, {})
        for (size, pair), rate in figures.items():
            theirs = figures.get((size, "theirs to theirs"))
            if pair == "theirs to ours" and theirs:
                says = f"ceph_perf_msgr_client, {size} B: our server to its own, {how}"
                yield Goal(says=says, wanted=ratio, reached=rate / theirs)


def _memory(memory: Mapping[str, Mapping[str, float]]) -> Iterator[Goal]:
    ours = memory.get(SECURE, {})
    if "idle_bytes" in ours:
        says = f"bytes of an idle session in a server with {ours['sessions']:,.0f}"
        yield Goal(says=says, wanted=_IDLE, reached=ours["idle_bytes"], at_most=True)
    for end in ("sender", "receiver"):
        if f"{end}_copies" in ours:
            says = f"copies of a 4 MiB message at the {end}, one message held at a time"
            yield Goal(says=says, wanted=_COPIES, reached=ours[f"{end}_copies"], at_most=True)

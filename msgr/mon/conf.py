"""ceph.conf: what it says to one entity, and where that entity finds monitors and its key (CONF-1 … CONF-6)."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn, Self, TypeVar
from uuid import UUID

from ..auth import AuthMethod, CryptoKey, Keyring
from ..errors import ConfigError, KeyringError
from ..frame import Mode
from ..wire import EntityName, type_name
from . import conf_text
from .conf_text import Sections
from .seeds import seeds

LARGEST_FILE: Final = 1 << 20
"""More bytes than any ceph.conf has: a file beyond is not read."""

MOST_REFERENCES: Final = 1000
"""More references than any value leads to, those in the values referred to included."""

SEARCH: Final = ("/etc/ceph/$cluster.conf", "~/.ceph/$cluster.conf", "$cluster.conf")
"""Where ceph.conf is looked for if nobody says where it is."""

DEFAULTS: Final[Mapping[str, str]] = {
    "auth_client_required": "cephx",
    "client_mount_timeout": "300",
    "key": "",
    "keyfile": "",
    "keyring": "/etc/ceph/$cluster.$name.keyring,/etc/ceph/$cluster.keyring,/etc/ceph/keyring,/etc/ceph/keyring.bin,",
    "mon_host": "",
    "ms_client_mode": "crc secure",
    "ms_mon_client_mode": "secure crc",
}
"""What holds where the file is silent. Ceph's own clients would also offer method none, unasked; we never do."""

_Number = TypeVar("_Number", AuthMethod, Mode)

_REFERENCE: Final = re.compile(r"\$(?:\{([a-z_]+)\}|([a-z_]+)|\{[a-z_]*+\}?)")
_LIST: Final = re.compile(r"[;,= \t]+")
_PATHS: Final = re.compile(r"[;,]")
_UNITS: Final = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "wk", "week", "weeks"), 7 * 86400),
}
_DURATION: Final = re.compile(r"\d{1,9}|(?:\d{1,9} *[a-z]+ *)+")
_AMOUNT: Final = re.compile(r"(\d+) *([a-z]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CephConf:
    """What a ceph.conf says to the entity `name`: its own section first, then its type's, then `[global]` (CONF-2).

    `host`, `pid` and `home` stand in for `$host`, `$pid` and `$home`. The options are not shown: they may hold a key.
    """

    name: EntityName
    cluster: str = "ceph"
    origin: str = "ceph.conf"
    """Where it was read from, for errors to tell."""
    sections: Sections = field(repr=False)
    host: str = ""
    pid: int = 0
    home: str = ""

    @classmethod
    def parse(
        cls, text: str, *, name: EntityName | str = "client.admin", cluster: str = "ceph", origin: str = "ceph.conf"
    ) -> Self:
        """Return the configuration with this text; raises ConfigError."""
        entity = EntityName.parse(name) if isinstance(name, str) else name
        if len(text) > LARGEST_FILE:
            raise ConfigError(f"{origin}: more than {LARGEST_FILE} characters [CONF-1]")
        try:
            return cls(name=entity, cluster=cluster, origin=origin, sections=conf_text.parse(text))
        except ConfigError as error:
            raise ConfigError(f"{origin}: {error}") from None

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        name: EntityName | str = "client.admin",
        cluster: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read the first file that can be read: of `path`, else of $CEPH_CONF, else of `SEARCH`; several stand apart
        by commas. A cluster that is not named has the name of the file at `path`, without `.conf`, or is `ceph`.

        It blocks for as long as the file system does. Raises ConfigError, which tells where it looked (CONF-6).
        """
        home = environ.get("HOME", "")
        if cluster is None:
            stem, _, kind = Path(_PATHS.split(os.fspath(path or ""))[0]).name.rpartition(".")
            cluster = stem if stem and kind == "conf" else "ceph"
        wanted = os.fspath(path) if path is not None else environ.get("CEPH_CONF") or ",".join(SEARCH)
        places = [place.replace("$cluster", cluster) for place in _split(_PATHS, wanted)]
        found, data = _first(places, home, "ceph.conf", ConfigError)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ConfigError(f"{found}: line {line}: not UTF-8 text [CONF-1]") from None
        conf = cls.parse(text, name=name, cluster=cluster, origin=found)
        return replace(conf, host=socket.gethostname().partition(".")[0], pid=os.getpid(), home=home)

    def get(self, option: str) -> str | None:
        """Return the value of an option with its references resolved; None where neither the file nor we have one."""
        key = conf_text.option_name(option).replace("-", "_")
        return self._resolved(key, (), iter(range(MOST_REFERENCES)))

    @property
    def fsid(self) -> UUID | None:
        """The id of the cluster, if the file says it; raises ConfigError for what is no id."""
        written = self.get("fsid") or ""
        try:
            fsid = UUID(written) if written else UUID(int=0)
        except ValueError:
            self._fail("fsid", "an id such as 6fb2d1a0-7f4b-4f0e-9d3c-0a4f3f1c5b7e")
        return fsid if fsid.int else None

    @property
    def monitors(self) -> tuple[str, ...]:
        """The monitors' msgr2 addresses, as `v2:HOST:PORT[/NONCE]`; raises ConfigError where there is none (CONF-3)."""
        ours: list[str] = []
        passed: list[str] = []
        for option, written, untyped in self._places_of_monitors():
            try:
                found, others = seeds(written, untyped=untyped)
            except ConfigError as error:
                raise ConfigError(f"{self.origin}: {option}: {error}") from None
            ours += found
            passed += others
        if ours:
            return tuple(dict.fromkeys(ours))
        if passed:
            only = ", ".join(passed[:5])
            raise ConfigError(f"{self.origin}: msgr1 alone is spoken at {only}; say v2:HOST:PORT in mon host [CONF-4]")
        raise ConfigError(f"{self.origin}: no mon host, and DNS is not asked for monitors (no SRV lookups) [CONF-3]")

    @property
    def auth_client_required(self) -> tuple[AuthMethod, ...]:
        """The methods that a client may use, best first; `auth supported` goes before it, as in Ceph."""
        return self._numbers("auth_supported" if self.get("auth_supported") else "auth_client_required", AuthMethod)

    @property
    def ms_mon_client_mode(self) -> tuple[Mode, ...]:
        """The modes of connections to monitors and managers, best first."""
        return self._numbers("ms_mon_client_mode", Mode)

    @property
    def ms_client_mode(self) -> tuple[Mode, ...]:
        """The modes of connections to other daemons, best first."""
        return self._numbers("ms_client_mode", Mode)

    @property
    def client_mount_timeout(self) -> float:
        """The seconds in which a client has to find a monitor; 0 means as long as it takes."""
        written = self.get("client_mount_timeout") or "0"
        amounts = _AMOUNT.findall(written) if _DURATION.fullmatch(written) else [("", "?")]
        if any(unit not in _UNITS for _, unit in amounts):
            self._fail("client_mount_timeout", "seconds, or a time such as 1h 30m")
        return float(sum(int(number) * _UNITS[unit] for number, unit in amounts))

    def keyring(self) -> Keyring:
        """Return the keys: `key`, else the file `keyfile`, else the first file of `keyring` that can be read (CONF-5).

        It blocks for as long as the file system does. Raises KeyringError, which tells where it looked.
        """
        ring = Keyring()
        if key := self.get("key"):
            ring.add(self.name, CryptoKey.parse(key))
            return ring
        keyfile = self.get("keyfile")
        places = [keyfile] if keyfile else _split(_PATHS, self.get("keyring") or "")
        found, data = _first(places, self.home, f"a key of {self.name}", KeyringError)
        try:
            if not keyfile:
                return Keyring.loads(data)
            ring.add(self.name, CryptoKey.parse(data.decode("ascii", "replace")))
        except KeyringError as error:
            raise KeyringError(f"{found}: {error}") from None
        return ring

    def _numbers(self, option: str, kind: type[_Number]) -> tuple[_Number, ...]:
        known = kind.__members__
        words = _split(_LIST, (self.get(option) or "").upper())
        if not words or any(word not in known for word in words):
            self._fail(option, f"one or more of {', '.join(known).lower()}")
        return tuple(dict.fromkeys(known[word] for word in words))

    def _fail(self, option: str, expected: str) -> NoReturn:
        written = (self.get(option) or "")[:60]
        raise ConfigError(f"{self.origin}: {option} = {written!r}, where {expected} belongs [CONF-6]")

    def _places_of_monitors(self) -> Iterator[tuple[str, str, str]]:
        """Yield options that tell where monitors are, their values, and the type of an address without one."""
        if hosts := self.get("mon_host"):
            yield "mon host", hosts, "any"
            return
        for section in sorted(self.sections):
            if section.startswith("mon.") and section != "mon.":
                address = replace(self, name=EntityName.parse(section)).get("mon_addr")
                yield f"[{section}] mon addr", address or "", "v1"

    def _resolved(self, key: str, busy: tuple[str, ...], budget: Iterator[int]) -> str | None:
        """Return the value of `key`, which the options in `busy` refer to: a circle stays as it is written."""
        if next(budget, None) is None:
            raise ConfigError(f"{self.origin}: {busy[0]} leads to more than {MOST_REFERENCES} references [CONF-2]")
        for section in (str(self.name), type_name(self.name.type), "global"):
            if (written := self.sections.get(section, {}).get(key)) is not None:
                break
        else:
            written = DEFAULTS.get(key)
        return None if written is None else self._expanded(written, (*busy, key), budget)

    def _expanded(self, written: str, busy: tuple[str, ...], budget: Iterator[int]) -> str:
        def meaning(reference: re.Match[str]) -> str:
            word = reference[1] or reference[2]
            if not word:
                return "$"
            value = None if word in busy else self._resolved(word, busy, budget)
            if word in _VARIABLES and not (word == "host" and value):
                value = _VARIABLES[word](self)
            return reference[0] if value is None else value

        return _REFERENCE.sub(meaning, written)


_VARIABLES: Final[Mapping[str, Callable[[CephConf], str]]] = {
    "cluster": lambda conf: conf.cluster,
    "type": lambda conf: type_name(conf.name.type),
    "id": lambda conf: conf.name.id,
    "num": lambda conf: conf.name.id,
    "name": lambda conf: str(conf.name),
    "host": lambda conf: conf.host,
    "pid": lambda conf: str(conf.pid),
    "cctid": lambda conf: str(id(conf)),
    "home": lambda conf: conf.home,
}


def _split(pattern: re.Pattern[str], written: str) -> list[str]:
    return [part.strip() for part in pattern.split(written) if part.strip()]


def _first(places: Iterable[str], home: str, what: str, kind: type[ConfigError]) -> tuple[str, bytes]:
    """Return the first file that can be read, and what is in it; raises `kind`, which names all places."""
    reasons: list[str] = []
    for place in places:
        path = home + place[1:] if place.startswith("~/") else place
        try:
            with Path(path).open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
        except (OSError, ValueError) as error:
            reasons.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            continue
        if len(data) > LARGEST_FILE:
            raise kind(f"{path}: more than {LARGEST_FILE} bytes [CONF-6]")
        return path, data
    raise kind(f"{what} was not found: {'; '.join(reasons) or 'no place to look at'} [CONF-6]")

r"""The text form of keyrings, as Ceph's tools read and write it (KEY-5, KEY-6).

::

    [client.admin]
        key = AQDbdwFrDJ93KBAAvzoUhZtOflwm7KXii3cByw==      ; a comment, as after #
        caps mon = "allow *"

A section holds one entity; `[global]` is skipped. In words an underscore is a blank, and several blanks are one. A
value may stand in double or single quotes. `\` takes the next character as it is, and takes a line's end away. Outside
of an escape, `#` and `;` begin a comment even within quotes: the tools refuse such a value, and so do we.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import ConfigError, KeyringError
from ..wire import EntityName, EntityType
from .key import CryptoKey

_END: Final = r"[ \t]*(?:[#;][^\n]*)?(?:\n|\Z)"
_BLANK_LINE: Final = re.compile(_END)
_SECTION_LINE: Final = re.compile(r"\[((?:\\.|[^\\\]#;\n])+)\]" + _END, re.DOTALL)
_WORD: Final = re.compile(r"([^\\=#;\n]*)=[ \t]*")
_VALUES: Final = {
    '"': re.compile(r'"((?:\\.|[^\\"#;\n])*)"' + _END, re.DOTALL),
    "'": re.compile(r"'((?:\\.|[^\\'#;\n])*)'" + _END, re.DOTALL),
}
_BARE_VALUE: Final = re.compile(r"((?:\\.|[^\\#;\n])*)" + _END, re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL: Final = re.compile(r'([\\"#;])')
_SPECIAL_IN_NAME: Final = re.compile(r"([\\\]#;])")
_SERVICE: Final = re.compile(r"[A-Za-z0-9.-]+(?: [A-Za-z0-9.-]+)*")


@dataclass(slots=True)
class Section:
    """What a section has said so far."""

    key: CryptoKey = field(default_factory=CryptoKey.none)
    caps: dict[str, str] = field(default_factory=dict)

    def take(self, word: str, value: str) -> None:
        """Take one line; raises KeyringError for a word that keyrings do not have (KEY-6)."""
        if word == "key":
            self.key = CryptoKey.parse(value)
        elif word.startswith("caps "):
            self.caps[word.removeprefix("caps ")] = value
        elif word != "auid":  # obsolete, and without effect
            raise KeyringError(f"{word[:40]!r} where key or caps SERVICE belongs [KEY-6]")


def check_name(name: EntityName) -> None:
    """Raise KeyringError for a name that a section's head cannot hold."""
    if name.type not in EntityType._value2member_map_ or name.type >= EntityType.AUTH:
        raise KeyringError(f"{name}: entities of type {name.type} have no keys [KEY-5]")
    if not (name.id.isprintable() and name.id == name.id.strip()):
        raise KeyringError(f"{str(name)!r}: an id has no control characters, and no blanks around it [KEY-5]")


def check_caps(service: str, capability: str) -> None:
    """Raise KeyringError for capabilities that a line cannot hold."""
    if not _SERVICE.fullmatch(service):
        raise KeyringError(f"caps {service[:40]!r}: a service is named with letters and digits [KEY-5]")
    if "\n" in capability or "\r" in capability:
        raise KeyringError(f"caps {service}: a capability is one line [KEY-5]")


def section(name: EntityName, key: CryptoKey, caps: Mapping[str, str]) -> str:
    """Return the section of one entity."""
    lines = [f"[{_SPECIAL_IN_NAME.sub(_escaped, str(name))}]", f"\tkey = {key.to_text()}"]
    lines += [f'\tcaps {service} = "{_SPECIAL.sub(_escaped, capability)}"' for service, capability in caps.items()]
    return "\n".join(lines) + "\n"


def parse(text: str) -> dict[EntityName, Section]:
    """Return the sections of a keyring; raises KeyringError with the number of the line.

    A section without lines leaves no trace, and a later section of the same name adds to the earlier one.
    """
    text = text.replace("\r\n", "\n")
    sections: dict[EntityName, Section] = {}
    for position, name, word, value in _lines(text):
        try:
            entity = EntityName.parse(name)
            check_name(entity)
            sections.setdefault(entity, Section()).take(word, value)
        except ConfigError as error:
            raise KeyringError(f"line {_line(text, position)}: {error}") from None
    return sections


def _lines(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Walk over the lines of all sections but `[global]`: position, section, word, value."""
    position, name = 0, ""
    while position < len(text):
        if blank := _BLANK_LINE.match(text, position):
            position = blank.end()
        elif head := _SECTION_LINE.match(text, position):
            position, name = head.end(), _plain(head[1])
        else:
            start, (position, word, value) = position, _pair(text, position)
            if not name:
                raise KeyringError(f"line {_line(text, start)}: it stands before the first [TYPE.ID] [KEY-5]")
            if name != "global":
                yield start, name, word, value


def _pair(text: str, start: int) -> tuple[int, str, str]:
    """Return the position after the `word = value` at `start`, the word and the value."""
    word = _WORD.match(text, start)
    value = word and _VALUES.get(text[word.end() : word.end() + 1], _BARE_VALUE).match(text, word.end())
    if not (word and value):  # the line itself stays unsaid: it may hold a secret
        raise KeyringError(f"line {_line(text, start)}: neither [TYPE.ID] nor WORD = VALUE [KEY-5]")
    said = _plain(value[1])
    if not text.startswith(('"', "'"), word.end()):
        said = said.rstrip()
    return value.end(), " ".join(word[1].replace("_", " ").split()), said


def _plain(written: str) -> str:
    return _ESCAPE.sub(lambda match: "" if match[1] == "\n" else match[1], written)


def _escaped(match: re.Match[str]) -> str:
    return "\\" + match[1]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1

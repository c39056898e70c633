"""What an examination found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_NO_ONE: Final = ("resolve", "connect")
"""The questions whose failure means that nobody is there."""
_EXPLAINS: Final = {"backlog": frozenset({"connect", "banner", "hello"})}
"""Which later finding is the reason for which earlier ones: who never accepts lets connects and banners time out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question: `ok` is None where it was not asked, and `detail` then says why not."""

    name: str
    ok: bool | None
    detail: str
    advice: str = ""
    """What is most likely wrong, and what to do about it; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All findings about one address, in the order of the questions."""

    address: str
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing that was asked is wrong."""
        return not self._wrong

    @property
    def nobody(self) -> bool:
        """Whether nobody is there at all."""
        spoken = any(finding.name == "banner" and finding.ok is not None for finding in self.findings)
        return not spoken and any(finding.name in _NO_ONE for finding in self._wrong)

    @property
    def verdict(self) -> str:
        """What is most likely wrong and what to do, in one sentence."""
        wrong = self._wrong
        if not wrong:
            tried = any(finding.name == "round_trip" and finding.ok for finding in self.findings)
            return "Nothing is wrong." if tried else "Nothing is wrong as far as it was asked; nobody logged in."
        first = wrong[0]
        for finding in wrong[1:]:
            if first.name in _EXPLAINS.get(finding.name, ()):
                first = finding
        return first.advice

    @property
    def _wrong(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.ok is False]

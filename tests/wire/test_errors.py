"""The tree of exceptions: what the docstring draws is what there is, and messages say what came and which rule."""

from __future__ import annotations

import inspect
import re

import pytest

from msgr import errors
from msgr.errors import AuthRefused, FeaturesMissing, MsgrError, PeerError, ShortRead, UnexpectedFrame


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Demand 94."""
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    [│├└─ ]*(\w+)", line):
            depth = found.start(1) // 4 - 1
            above[depth:] = [found[1]]
            drawn[found[1]] = above[depth - 1] if depth else "Exception"
    classes = {name: cls for name, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, MsgrError)}
    assert drawn == {name: cls.__bases__[0].__name__ for name, cls in classes.items()}


def test_the_message_ends_with_the_rule() -> None:
    error = PeerError("7 segments", rule="FRAME-1")
    assert str(error) == "7 segments [FRAME-1]"
    assert (error.text, error.rule) == ("7 segments", "FRAME-1")


def test_a_short_read_tells_how_short() -> None:
    assert str(ShortRead(needed=8, left=3)) == "8 bytes needed, 3 left [WIRE-1]"


def test_an_unexpected_frame_tells_what_would_have_been_right() -> None:
    error = UnexpectedFrame(got="ACK", allowed={"WAIT", "HELLO"}, state="AwaitHello")
    assert str(error) == "ACK in AwaitHello, which takes HELLO, WAIT [STATE-1]"
    assert error.allowed == ("HELLO", "WAIT")
    assert str(UnexpectedFrame(got="ACK", allowed=(), state="Closed")) == "ACK in Closed, which takes nothing [STATE-1]"


def test_a_refusal_carries_what_the_refusing_end_allows() -> None:
    error = AuthRefused("no", result=-13, methods=[2], modes=iter([2, 1]))
    assert (error.result, error.methods, error.modes, error.rule) == (-13, (2,), (2, 1), "AUTH-5")


def test_missing_features_are_named_by_bit() -> None:
    error = FeaturesMissing(1 << 59 | 1)
    assert str(error) == "feature bits 0, 59 are missing [IDENT-3]"
    assert error.mask == 1 << 59 | 1


@pytest.mark.parametrize("branch", [errors.LocalError, errors.PeerError, errors.ConnectionLost])
def test_three_branches(branch: type[MsgrError]) -> None:
    assert branch.__bases__ == (MsgrError,)

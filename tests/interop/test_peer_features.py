"""A real monitor and we lack features that the other needs."""

from __future__ import annotations

import pytest

from msgr.core.states import Ended
from msgr.errors import FeaturesMissing
from msgr.payload import ClientIdent, IdentMissingFeatures
from msgr.wire import MSG_ADDR2, SUPPORTED

from ..lab import ReleaseName
from .duel import begin, duel, talk

pytestmark = pytest.mark.ceph

_NOBODY_HAS: int = 1 << 62


def test_features_that_we_lack_are_named(release: ReleaseName) -> None:
    """Seen: IDENT_MISSING_FEATURES. Sent: CLIENT_IDENT."""
    with duel(release, smaller=True, listens=False) as lab:
        lab.node.supported = SUPPORTED & ~MSG_ADDR2
        wire = lab.dial()
        assert wire.expect(IdentMissingFeatures).features == MSG_ADDR2
        state = wire.connection.state
        assert isinstance(state, Ended)
        assert isinstance(state.error, FeaturesMissing)
        wire.cut()
        lab.node.supported = SUPPORTED
        talk(begin(lab))


def test_features_that_the_daemon_lacks_make_it_come_again(release: ReleaseName) -> None:
    """Seen: CLIENT_IDENT, the end of the connection, another CLIENT_IDENT. Sent: IDENT_MISSING_FEATURES."""
    with duel(release, smaller=False, listens=True) as lab:
        lab.node.required = MSG_ADDR2 | _NOBODY_HAS
        wire = lab.node.accept(ClientIdent)
        wire.write()
        assert wire.all_sent(IdentMissingFeatures) == [IdentMissingFeatures(features=_NOBODY_HAS)]
        wire.until_closed()
        lab.node.required = MSG_ADDR2
        talk(lab.node.accept(ClientIdent))

"""`msgr probe`: what is there, and what does it allow?"""

from __future__ import annotations

from functools import partial

import anyio

from .. import net
from ..capture.payloads import method_name, mode_name
from .options import AddressArgument, JsonOption
from .report import Report
from .words import features, listed, type_word, written


def probe(address: AddressArgument, json: JsonOption = False) -> None:
    """Ask a peer what it is and what it allows.

    It takes no credentials, and nothing of the answer is authenticated.
    """
    report = Report(json=json)
    found = anyio.run(partial(net.probe, address))
    methods = [method_name(number) for number in found.auth_methods]
    modes = [mode_name(number) for number in found.modes]
    report.line(f"{address} is a {type_word(found.entity_type)} and speaks msgr {found.revision}")
    report.line(f"  authentication      {listed(methods)}")
    report.line(f"  modes               {listed(modes)}")
    report.line(f"  supported features  {found.supported_features:#x} ({features(found.supported_features)})")
    report.line(f"  required features   {found.required_features:#x} ({features(found.required_features)})")
    report.line(f"  sees us as          {written(found.seen_as)}")
    report.document(
        {
            "address": address,
            "supported_features": found.supported_features,
            "required_features": found.required_features,
            "revision": str(found.revision),
            "entity_type": type_word(found.entity_type),
            "seen_as": written(found.seen_as),
            "auth_methods": methods,
            "modes": modes,
        }
    )

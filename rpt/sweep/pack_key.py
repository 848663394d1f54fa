"""Compute the key of a run's pack: a hash of all values that runs must share to be trained together."""

from __future__ import annotations

from rpt.config.schema import Config
from rpt.tracking.identity import OF_ONE_RUN, digest, shared

SECTIONS = ("task", "data", "protocol", "backbone", "scorer", "trainer", "packing")
"""Sections of the configuration that are equal in all runs of a pack, because the first run's sections apply to all.

They include values that cannot change a score, such as the device. The keys in `OF_ONE_RUN` are exceptions.
"""


def pack_key(config: Config) -> str:
    """Hash all values that runs must share to be trained together."""
    sections = {name: getattr(config, name).model_dump(mode="json") for name in SECTIONS}
    for section, _, name in (key.partition(".") for key in OF_ONE_RUN):
        del sections[section][name]
    return digest({"shared": shared(config), "sections": sections})

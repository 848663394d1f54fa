"""Choose the roles of a study's encoders: the leading encoder, and the reference of the headline's comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from rpt.config.paths import config_dir

ROLES = ("leader", "reference")
"""Keys in the section `report` of the configuration with which a study assigns the roles to its encoders."""


class Roles(NamedTuple):
    """Encoders that a study names in its section `report`; None for a role that the study does not set.

    Attributes:
        leader: Encoder that the report compares with the others.
        reference: Encoder whose difference from the leading encoder is the headline's number.
    """

    leader: str | None = None
    reference: str | None = None


NO_ROLES = Roles()
"""Roles of a study that names no encoder."""


def stated_roles(configs: Sequence[Mapping[str, Any]]) -> Roles:
    """Return the roles in the configurations of a study's runs. If runs differ, the most frequent name is used."""
    counts = [Counter((config.get("report") or {}).get(role) for config in configs) for role in ROLES]
    return Roles(*(next((name for name, _ in count.most_common() if name is not None), None) for count in counts))


def leader_of(stated: Roles, methods: Sequence[str]) -> str:
    """Return the leading encoder of a study.

    The first of these encoders that has runs is the leading encoder: the encoder that the study names, the default
    encoder of `conf/config.yaml`, the study's first encoder.
    """
    return next(name for name in (stated.leader, _default_encoder(), *methods) if name is not None and name in methods)


def reference_of(stated: Roles, methods: Sequence[str]) -> str | None:
    """Return the reference of a study; None for a study of one encoder.

    If the study names no reference, the leading encoder, or an encoder without runs, the reference is the first encoder
    that is not the leading encoder.
    """
    others = [name for name in methods if name != leader_of(stated, methods)]
    return stated.reference if stated.reference in others else next(iter(others), None)


def notes_on_roles(stated: Roles, methods: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each encoder that the study names and that cannot have its role.

    An encoder without runs can have no role. The leading encoder cannot be the reference.
    """
    actual = (leader_of(stated, methods), reference_of(stated, methods))
    for role, name, instead in zip(ROLES, stated, actual, strict=True):
        if name is not None and name != instead:
            yield f"report.{role} names {name}, which cannot be the {role} here. The {role} is {instead or 'none'}."


@cache
def _default_encoder() -> str | None:
    """Return the encoder that `conf/config.yaml` chooses by default."""
    text = (config_dir() / "config.yaml").read_text(encoding="utf-8")
    chosen = [entry["encoder"] for entry in yaml.safe_load(text)["defaults"] if "encoder" in entry]
    return str(chosen[0]) if chosen else None

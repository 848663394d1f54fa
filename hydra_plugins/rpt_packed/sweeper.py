"""Hydra's own sweeper for points that are checked already. As in `launcher.py`, nothing heavy is imported here."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class CheckedSweeper(BasicSweeper):
    """Does not compose every point a second time, which for a large sweep takes longer than all the rest of its start.

    `rpt.sweep.CheckPoints` puts it in the basic sweeper's place once it has composed them all.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Nothing: see the class."""

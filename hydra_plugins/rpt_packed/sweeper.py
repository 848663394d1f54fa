"""Hydra's basic sweeper without its check of the points. Hydra imports this module at every start, so it is small."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper


class CheckedSweeper(BasicSweeper):
    """Basic sweeper that does not compose every point a second time, which takes long for a large sweep.

    `rpt.sweep.grid.CheckPoints` composes all points and then replaces the basic sweeper by this class.
    """

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Do nothing, because `rpt.sweep.grid` has already composed and checked all points."""

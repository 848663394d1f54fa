"""What rpt adds to Hydra: the folder of the studies, and its own options for Optuna.

Hydra runs this plugin for every program of the environment, so that it first looks whether the program is rpt.
"""

import sys
from importlib.util import find_spec

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class RptSearchPath(SearchPathPlugin):
    """Lets `-cn learning_rate` find a study beside the files of a `--config-dir`; makes Optuna maximise."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Hydra's hook. All plugins have been imported by now, so that what they store is not stored over ours."""
        from rpt.command_line import names_study
        from rpt.places import config_dir, sweeps_dir

        folders = [str(element.path).removeprefix("file://") for element in search_path.get_path()]
        if str(config_dir()) not in folders:
            return
        if names_study(sys.argv[1:]):
            search_path.append("rpt studies", f"file://{sweeps_dir()}")
        if find_spec("hydra_plugins.hydra_optuna_sweeper") is not None:
            from hydra_plugins.rpt_packed.search import register

            register()

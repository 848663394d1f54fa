"""Hydra plugin that adds the folder of studies to the search path and registers rpt's search with Optuna.

Hydra runs this plugin for every program of the environment, so the plugin first checks whether the program is rpt.
"""

import sys
from importlib.util import find_spec

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class RptSearchPath(SearchPathPlugin):
    """Hydra plugin through which `-cn learning_rate` finds a study in `sweeps/`. It also registers rpt's search."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Extend the search path and register the search; Hydra calls this at the start of every program.

        Hydra has imported all plugins by then, so that no plugin can overwrite the registered search.
        """
        from rpt.config.command_line import names_study
        from rpt.config.paths import config_dir, sweeps_dir

        folders = [str(element.path).removeprefix("file://") for element in search_path.get_path()]
        if str(config_dir()) not in folders:
            return
        if names_study(sys.argv[1:]):
            search_path.append("rpt studies", f"file://{sweeps_dir()}")
        if find_spec("hydra_plugins.hydra_optuna_sweeper") is not None:
            from hydra_plugins.rpt_packed.search import register

            register()

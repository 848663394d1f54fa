"""Run the application on the workers of a Ray cluster: `serve run rpt.serve.ray_serve:build runs=FOLDER replicas=2`.

Ray Serve starts the same application on each worker and distributes the requests over the workers. A worker that has
died is replaced. The requests that it was answering get status 500, and the client sends them again. Equal requests
have equal answers.

The nodes of the cluster must share the file system that holds the runs, the Python environment and the weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rpt.errors import ConfigError
from rpt.predict.predictor import load_predictor
from rpt.training.libraries import load_libraries

DEFAULTS = {"runs": "", "config_dirs": "", "backbone": "", "replicas": "1", "cpus": "1", "gpus": "0"}
"""Arguments of `build` and their defaults."""

MOST_AT_ONCE = 256
"""Largest number of requests that a worker answers at the same time. Ray's default of 5 would keep batches small."""


class Worker:
    """Worker of Ray Serve, which answers requests with the application of `rpt.serve.app`.

    Args:
        folders: Folders of runs, and folders that hold folders of runs.
        config_dirs: Folders of the user's own option files.
        backbone: Folder of the backbone, if it lies elsewhere than at the training.
    """

    def __init__(self, folders: Sequence[Path], config_dirs: Sequence[str], backbone: Path | None = None) -> None:
        self._folders = folders
        self._config_dirs = config_dirs
        self._backbone = backbone

    def __serve_build_asgi_app__(self) -> Any:
        """Load the runs and create the application."""
        load_libraries(announce=False)
        from rpt.serve.app import create_app

        return create_app(load_predictor(self._folders, self._config_dirs, self._backbone))


def build(arguments: Mapping[str, str]) -> Any:
    """Build the application for `serve run`.

    Args:
        arguments: Texts by name. `runs` and `config_dirs` are paths, separated by the system's path separator (`:`).
            `backbone` is the folder of the backbone, if it lies elsewhere than at the training. `replicas` is the
            number of workers. `cpus` and `gpus` are the resources of a worker.

    Returns:
        Application of Ray Serve.

    Raises:
        ConfigError: An argument is unknown, or is not a number where a number is needed.
    """
    values = {**DEFAULTS, **arguments}
    for name in arguments:
        if name not in DEFAULTS:
            raise ConfigError.of(name, arguments[name], f"is unknown; allowed are {', '.join(DEFAULTS)}.")
    if not values["runs"]:
        raise ConfigError.of("runs", None, "needs a value: the folder of a run, or a folder that holds several runs.")
    folders = [Path(path).absolute() for path in values["runs"].split(os.pathsep)]
    config_dirs = [str(Path(path).absolute()) for path in values["config_dirs"].split(os.pathsep) if path]
    resources = {"num_cpus": _number(values, "cpus"), "num_gpus": _number(values, "gpus")}
    from ray import serve

    deployment = serve.deployment(
        serve.ingress()(Worker),
        name="rpt",
        num_replicas=int(_number(values, "replicas")),
        max_ongoing_requests=MOST_AT_ONCE,
        ray_actor_options=resources,
    )
    backbone = Path(values["backbone"]).absolute() if values["backbone"] else None
    return deployment.bind(folders, config_dirs, backbone)


def _number(values: Mapping[str, str], name: str) -> float:
    try:
        return float(values[name])
    except ValueError as error:
        raise ConfigError.of(name, values[name], f"is no number. Set {name}={DEFAULTS[name]}.") from error

"""`hydra/sweeper=optuna`: Optuna's search. Hydra imports this module at every start, so its imports are fast."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import MISSING, DictConfig


@dataclass
class OptunaSearchConf:
    """Options of hydra-optuna-sweeper with other defaults: a search maximises, and failed points do not end it."""

    _target_: str = "hydra_plugins.rpt_packed.search.OptunaSearch"
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: Any = MISSING
    direction: Any = "maximize"  # minimize is refused: the objective is a score
    n_trials: int = 20  # number of points, including failed points
    n_jobs: int = 2  # points in a batch; the packed launcher trains a batch together
    max_failure_rate: float = 1.0  # share of failed points in a batch above which the search ends; 1: never
    storage: Any = None  # URL of a database that keeps the search, such as sqlite:///search.db; None: memory
    study_name: Any = None  # name of the search in that database
    params: Any = None  # the search space, such as {lr: 'tag(log,interval(0.001,1))'}
    search_space: Any = None  # the search space in the form of hydra-optuna-sweeper 1.1
    custom_search_space: Any = None  # dotted path of a function that adds parameters to a trial


@dataclass
class TreeParzenConf:
    """Optuna's tree-structured Parzen estimator (Bergstra et al. 2011) with Optuna's own settings and a fixed seed."""

    _target_: str = "optuna.samplers.TPESampler"
    seed: int | None = 0  # the same search proposes the same points, so that it can be interrupted and run again
    n_startup_trials: int = 10  # points that are drawn at random before the estimator begins
    n_ei_candidates: int = 24  # number of candidates, of which the estimator proposes the best
    multivariate: bool = False  # True: model the parameters' joint distribution


class OptunaSearch(Sweeper):
    """Searches with Optuna, continues after a failed point, and writes a results file; see `_search.Search`."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.search: Any = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Build and set up the search; Hydra calls this before `sweep`."""
        from hydra_plugins.rpt_packed._search import Search

        self.search = Search(**self.options)
        self.search.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: Sequence[str]) -> None:
        """Search and write the results file; see `_search.Search.sweep`."""
        self.search.sweep(list(arguments))


def register() -> None:
    """Replace hydra-optuna-sweeper's `hydra/sweeper=optuna`, which minimises, by this search."""
    store = ConfigStore.instance().store
    store(group="hydra/sweeper", name="optuna", node=OptunaSearchConf, provider="rpt")
    store(group="hydra/sweeper/sampler", name="tpe", node=TreeParzenConf, provider="rpt")

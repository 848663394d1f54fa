"""Private names of other libraries that rpt uses. A new version of a library may remove them without notice."""

import ast
from importlib import import_module
from pathlib import Path

import pytest
from transformers import PretrainedConfig

ROOT = Path(__file__).parents[1]

PRIVATE = {
    # Base class of rpt's sweeper. Hydra has no public sweeper whose check of all points can be left out, and no public
    # function that expands the points of a sweep.
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper": "split_arguments validate_batch_is_legal sweep",
    # Base class of rpt's hyperparameter search. hydra-optuna-sweeper has its implementation only in this module.
    "hydra_plugins.hydra_optuna_sweeper._impl.OptunaSweeperImpl": "setup sweep",
    # W&B's search for an API key. The public `wandb.login` asks at the terminal and verifies the key over the network.
    "wandb.sdk.wandb_setup.singleton": "",
    "wandb.sdk.lib.wbauth.authenticate_session": "",
    # Ray's command-line tools find a running cluster by this function. `ray.init("auto")` waits, and prints messages.
    "ray._private.services.canonicalize_bootstrap_address_or_die": "",
    # Base class of a mode that sees every operator. torch has no public name for it; its profiler also counts views.
    "torch.utils._python_dispatch.TorchDispatchMode": "",
}
"""Private names by their dotted path, each with the attributes that rpt uses or overrides."""


def is_private(name: str) -> bool:
    """Whether a name of another library starts with an underscore, or W&B's documentation declares it private."""
    parts = name.split(".")
    return parts[0] != "rpt" and (any(p.startswith("_") and p != "__future__" for p in parts) or "wandb.sdk" in name)


def imported(file: Path) -> set[str]:
    """Return the dotted names that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_private_name_that_is_imported_is_listed():
    files = [file for top in ("rpt", "hydra_plugins", "benchmarks") for file in (ROOT / top).rglob("*.py")]
    used = {name for file in files for name in imported(file) if is_private(name) and "rpt_packed" not in name}
    listed = {name: any(name == known or known.startswith(f"{name}.") for known in PRIVATE) for name in used}
    assert listed
    assert [name for name, is_listed in listed.items() if not is_listed] == []


@pytest.mark.parametrize("name", PRIVATE)
def test_a_private_name_exists(name):
    module, _, attribute = name.rpartition(".")
    private = getattr(import_module(module), attribute)
    assert callable(private)
    assert [part for part in PRIVATE[name].split() if not callable(getattr(private, part, None))] == []


def test_a_model_configuration_holds_its_attention_implementation():
    """The record of a run holds the implementation. transformers has a public setter for it, but no public getter."""
    config = PretrainedConfig()
    config._attn_implementation = "eager"
    assert config._attn_implementation == "eager"

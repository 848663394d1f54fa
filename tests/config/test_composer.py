"""A composition that shares the work of Hydra with earlier compositions equals Hydra's."""

import pytest
from hydra.errors import HydraException

from rpt.config import compose as composition
from rpt.config.option_files import groups
from rpt.config.paths import config_dir
from tests.support.composer import Composer

composed_by_hydra = composition.compose


@pytest.fixture
def calls():
    """Overrides of each composition that the composer of a test leaves to Hydra."""
    return []


@pytest.fixture
def compose(calls):
    group_names = groups([config_dir()])
    return Composer(lambda overrides: calls.append(overrides) or composition._composed(overrides), group_names)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["task=rte", "encoder=plain", "lr=0.3"],
        ["backbone=smollm2", "backbone.prompt_at=end", "prompt.length=3", "seed=2", "output_dir=/tmp/a/b"],
        ["experiment=paper/t5_base/residual_n10", "task=boolq", "lr=1"],
        ["data=jsonl", "data.root='~/x'", "init=file", "init.path='/a b'"],
        ["callbacks=[early_stopping,lr_monitor]", "+encoder.x=3", "++lr=0.5"],
        ["optim=adafactor", "trainer.epochs=2", "clip_norm=null"],
    ],
)
def test_a_composition_equals_that_of_hydra(overrides, compose, calls):
    expected = composed_by_hydra(overrides)
    assert compose(overrides) == expected
    assert compose([*overrides, "seed=5"]) == composed_by_hydra([*overrides, "seed=5"])
    assert compose(overrides) == expected
    assert len(calls) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        ["++lr=0.5", "~weight_decay"],
        ["report={method: a}"],
        ["prompt.length=5", "prompt={length: 7}"],
        ["question='${hydra.job.config_name}'", "lr=2"],
        ["question='${oc.select:hydra.job.config_name,none}'"],
    ],
)
def test_hydra_composes_the_whole_where_options_and_values_depend_on_each_other(overrides, compose, calls):
    assert compose(overrides) == composed_by_hydra(overrides)
    assert calls == [overrides]


@pytest.mark.parametrize(
    "override", ["encoder=residul", "encoder.bottleneck=3", "lr=[", "task.folder.x=1", "+lr=3", "lr=glob(*)"]
)
def test_a_wrong_override_has_the_error_of_hydra(override, compose):
    errors = []
    for function in (composition._composed, compose):
        with pytest.raises(HydraException) as caught:
            function([override])
        errors.append(str(caught.value))
    assert errors[0] == errors[1]


def test_options_are_composed_once(compose, calls):
    for lr in (0.1, 0.2):
        for encoder in ("plain", "mlp"):
            values = compose([f"encoder={encoder}", f"lr={lr}"])
            assert (values["lr"], values["chosen"]["encoder"]) == (lr, encoder)
    assert calls == [["encoder=plain"], ["encoder=mlp"]]

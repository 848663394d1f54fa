"""The compositions of tests, which repeat no work of Hydra, are those of the command."""

import pytest
from hydra.errors import HydraException

from rpt.config.compose import compose as composed_by_hydra
from tests.support.composed import compose


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=rte", "encoder=plain", "lr=0.3"],
        ["backbone=smollm2", "backbone.prompt_at=end", "prompt.length=3", "seed=2", "output_dir=/tmp/a/b"],
        ["experiment=paper/t5_base/residual_n10", "task=boolq", "lr=1"],
        ["data=jsonl", "data.root='~/x'", "init=file", "init.path='/a b'"],
        ["callbacks=[early_stopping,lr_monitor]", "+encoder.x=3", "report={method: a}"],
        ["optim=adafactor", "trainer.epochs=2", "clip_norm=null", "~weight_decay"],
    ],
)
def test_a_composition_for_tests_equals_that_of_the_command(overrides):
    expected = composed_by_hydra(overrides)
    assert compose(overrides) == expected
    assert compose([*overrides, "seed=5"])["seed"] == 5
    assert compose(overrides) == expected  # the first call has stored it


@pytest.mark.parametrize("override", ["encoder=residul", "encoder.bottleneck=3", "lr=[", "task.folder.x=1", "+lr=3"])
def test_a_wrong_override_has_the_error_of_the_command(override):
    errors = []
    for function in (composed_by_hydra, compose):
        with pytest.raises(HydraException) as caught:
            function([override])
        errors.append(str(caught.value))
    assert errors[0] == errors[1]

"""Contradictions between valid settings are reported together with wrong values, also of the same section."""

import pytest

from rpt.config.check import check
from rpt.config.older import values_of_record
from rpt.config.partial import valid_part
from rpt.config.schema import Config, NotValid
from rpt.errors import ConfigError
from tests.support.composed import compose


def keys_of(*overrides):
    with pytest.raises(ConfigError) as caught:
        check(compose(list(overrides)))
    return [problem.key for problem in caught.value.problems]


def test_the_valid_part_of_a_valid_configuration_is_the_whole_configuration():
    values = compose(["task=multirc", "logger=[wandb,tensorboard]"])
    assert valid_part(Config, values) == Config.model_validate(values)


def test_the_valid_part_lacks_wrong_and_unset_values_and_has_no_defaults_for_them():
    values = compose(["backbone=local", "lr=-1", "task.labels=[a]", "+task.derived=3"])
    part = valid_part(Config, values)
    for section, name in ((part, "lr"), (part.task, "labels"), (part.task, "derived"), (part.backbone, "path")):
        with pytest.raises(NotValid, match=name):
            getattr(section, name)
    assert part.task.name == "cb"
    assert part.optim.options["eps"] == 1e-8
    with pytest.raises(AttributeError, match="learning_rate"):
        getattr(part, "learning_rate")  # noqa: B009  (the schema has no such field)


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        (["trainer.epochs=0", "trainer.devices=9"], ["trainer.devices", "trainer.epochs"]),
        (["backbone.dtype=half", "prompt.length=500"], ["backbone.dtype", "prompt.length"]),
        (["task.version=0", "task.same_side=[x]"], ["task.same_side", "task.version"]),
        (["task.labels=[a]", "task.formats.encoder.choices=[a,a]"], ["task.formats.encoder.choices", "task.labels"]),
        (["init=uniform", "init.low=1", "init.high=x"], ["init.high"]),
        (["encoder=lstm", "encoder.dropout=0.5", "encoder.hidden_dim=0"], ["encoder.dropout", "encoder.hidden_dim"]),
        (["backbone=local", "backbone.family=causal", "scorer=head"], ["backbone.path", "scorer.name"]),
    ],
)  # fmt: skip
def test_contradictions_between_valid_settings_are_reported_with_wrong_values(overrides, keys):
    assert keys_of(*overrides) == keys


@pytest.mark.parametrize("section", ["task", "data", "backbone", "encoder", "init", "scorer", "trainer", "prompt"])
def test_a_number_in_place_of_a_section_skips_only_the_rules_that_need_the_section(section, tmp_path):
    (tmp_path / "file").touch()
    values = compose([f"output_dir={tmp_path}/file/runs"])
    with pytest.raises(ConfigError) as caught:
        check({**values, section: 3})
    assert [problem.key for problem in caught.value.problems] == sorted([section, "output_dir"])


def test_a_record_of_an_older_version_with_removed_keys_is_read():
    csv = {"kind": "csv", "project": None, "entity": None, "mode": "offline", "name": None, "tags": []}
    values = compose([])
    older = {**values, "logger": {"csv": csv}, "expected": [{"source": "Table 1"}]}
    assert check(values_of_record(older, values["chosen"])) == check({**values, "logger": {}})

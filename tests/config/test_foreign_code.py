"""A record cannot choose the code that a replay or `rpt.load` runs, and option files of the user can."""

import shutil
import sys

import pytest

import rpt
from rpt.config.check import check
from rpt.config.paths import search_path
from rpt.errors import ConfigError
from rpt.replay import replay
from rpt.runs import train
from tests.support.composed import compose
from tests.support.replays import edit, refusal


@pytest.fixture(scope="module")
def original(tiny_bert, tiny_cb, tmp_path_factory):
    """Folder of a run, which no test changes."""
    overrides = [*tiny_bert, *tiny_cb, "trainer.epochs=1", f"output_dir={tmp_path_factory.mktemp('original')}"]
    [outcome] = train([check(compose(overrides))])
    return outcome.folder


@pytest.fixture
def folder(original, tmp_path):
    """Copy of the folder `original`, which a test may change."""
    return shutil.copytree(original, tmp_path / original.name)


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """Name of a class in a package that writes a file if it is imported or if its annotations are evaluated."""
    folder = tmp_path / "modules" / "trap"
    folder.mkdir(parents=True)
    marker = tmp_path / "executed"
    statement = f"open({str(marker)!r}, 'w')"
    (folder / "__init__.py").write_text(f"{statement}\n")
    (folder / "parts.py").write_text(f"class Part:\n    def __init__(self, *, width: {statement} = 1): ...\n")
    (folder / "model").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    yield "trap.parts.Part"
    assert not marker.exists(), "the code that a record names was executed"
    assert not [name for name in sys.modules if name.partition(".")[0] == "trap"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder._target_", "trap.parts.Part"),
        ("init._target_", "trap.parts.Part"),
        ("optim._target_", "os.system"),
        ("task.reader", "trap.parts.Part"),
        ("backbone.package", "trap.model"),
        ("backbone.hub_id", "stranger/model"),
        ("data.hub_id", "stranger/rows"),
    ],
)
def test_code_that_a_record_names_is_refused_and_not_executed(key, value, folder, trap):
    group, _, name = key.partition(".")
    edit(folder, lambda record: record["config"][group].update({name: value}))
    message = refusal(folder)
    assert message.startswith(f"{key} = {value}: is ")
    assert "rpt does not import code that only a record names" in message


@pytest.fixture
def own_folder(tmp_path):
    """Config folder of a user with an option of the group `callbacks` and an option of the group `scorer`."""
    for name, text in {
        "callbacks/mine": "mine: {_target_: lightning.pytorch.callbacks.Timer}\n",
        "scorer/mine": "_target_: rpt.scoring.head.HeadScorer\n",
    }.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True)
        (tmp_path / "own" / f"{name}.yaml").write_text(text)
    return str(tmp_path / "own")


CALLBACKS = {
    "another name": lambda trap: {"mine": {"_target_": trap}},
    "the name of a shipped callback": lambda trap: {"early_stopping": {"_target_": trap, "monitor": "held_out/score"}},
    "one of two": lambda trap: {"lr_monitor": {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"},
                                "mine": {"_target_": trap}},
    "a list": lambda trap: [trap],
    "a text": lambda trap: trap,
    "a component that is a text": lambda trap: {"mine": trap},
    "a target that is a list": lambda trap: {"mine": {"_target_": [trap]}},
}  # fmt: skip


@pytest.mark.parametrize("shape", CALLBACKS)
def test_callbacks_that_only_a_record_names_are_refused_and_not_imported(shape, folder, trap, own_folder):
    edit(folder, lambda record: record["config"].update(callbacks=CALLBACKS[shape](trap)))
    for folders in ([], [own_folder]):
        assert refusal(folder, folders).startswith("callbacks")
    assert rpt.load(folder).config.callbacks == {}  # they play no part in answers


SCORERS = {
    "of the record": lambda component: {"name": "own", "length_normalised": False, "component": component},
    "of an option file": lambda component: component,
    "beside an empty target": lambda component: {"_target_": None, "component": component},
    "in both places": lambda component: {"component": {"_target_": "rpt.scoring.head.HeadScorer"}, **component},
}


@pytest.mark.parametrize("option", ["auto", "mine"])
@pytest.mark.parametrize("shape", SCORERS)
def test_a_scorer_that_only_a_record_names_is_refused_and_not_imported(shape, option, folder, trap, own_folder):
    edit(folder, lambda record: record["config"].update(scorer=SCORERS[shape]({"_target_": trap})))
    edit(folder, lambda record: record["chosen"].update(scorer=option))
    message = refusal(folder, [own_folder])
    expected = {"auto": "null", "mine": "rpt.scoring.head.HeadScorer"}[option]
    assert message.startswith(f"scorer._target_ = {trap}: is {expected} in the option file of scorer={option}.")
    with pytest.raises(ConfigError, match=r"^scorer\._target_ = "):
        rpt.load(folder, [own_folder])


SECTIONS = {
    "backbone.hub_id": {"component": {}, "hub_id": "stranger/model", "package": None},
    "data.hub_id": {"component": {}, "hub_id": "stranger/rows"},
    "task.reader": {"component": {"reader": "rpt.tasks.task.Task"}, "reader": "trap.parts.Part"},
}


@pytest.mark.parametrize("key", SECTIONS)
def test_a_component_inside_another_section_hides_no_code(key, folder, trap):
    group, _, name = key.partition(".")
    edit(folder, lambda record: record["config"][group].update(SECTIONS[key]))
    assert f"{key} = {SECTIONS[key][name]}: is " in refusal(folder)


def test_an_option_file_that_cannot_be_read_hides_no_other(tiny_bert, tiny_cb, tmp_path, own_folder):
    (tmp_path / "own" / "callbacks" / "broken.yaml").write_text("[")
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=1", f"output_dir={tmp_path / 'runs'}", "callbacks=early_stopping"]
    [outcome] = train([check(compose(small))])
    assert replay(outcome.folder, [own_folder]).is_identical


def test_a_run_with_shipped_callbacks_is_replayed_and_answers_rows(tiny_bert, tiny_cb, tmp_path):
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=3", f"output_dir={tmp_path / 'runs'}"]
    own = ["callbacks=[early_stopping,lr_monitor]", "callbacks.early_stopping.patience=1"]
    [outcome] = train([check(compose([*small, *own]))])
    assert replay(outcome.folder).is_identical
    run = rpt.load(outcome.folder)
    assert run.config.callbacks == {}
    assert run.record.identity_hash == outcome.record.identity_hash
    assert run.predict([{"premise": "A dog runs.", "hypothesis": "An animal runs."}])


def test_a_record_whose_callbacks_were_taken_out_is_not_replayed(tiny_bert, tiny_cb, tmp_path):
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=1", f"output_dir={tmp_path / 'runs'}", "callbacks=early_stopping"]
    [outcome] = train([check(compose(small))])
    edit(outcome.folder, lambda record: record["config"].update(callbacks={}))
    with pytest.raises(ConfigError, match="cannot be repeated as it was"):
        replay(outcome.folder)


@pytest.mark.parametrize(
    "option", ["../../tmp/encoder", "/tmp/encoder", "a,b", "a b", "", "plain}", "${oc.env:HOME}", 3]
)
def test_an_option_that_is_not_a_plain_name_is_refused(option, folder):
    edit(folder, lambda record: record["chosen"].update(encoder=option))
    assert refusal(folder).startswith("chosen.encoder = ")


def test_an_option_without_a_file_is_refused_with_advice(folder):
    edit(folder, lambda record: record["chosen"].update(encoder="mine"))
    message = refusal(folder)
    assert "encoder = mine: no such option" in message
    assert "name the folder that holds it: --config-dir DIR" in message


def test_an_encoder_of_the_user_is_replayed_if_its_config_folder_is_given(tiny_bert, tiny_cb, tmp_path, monkeypatch):
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "conf" / "encoder" / "mine.yaml").write_text("_target_: encoder_of_hers.Mine\n_partial_: true\n")
    source = "import torch\n\nclass Mine(torch.nn.Module):\n    def __init__(self, *, length: int, hidden: int):\n"
    source += "        super().__init__()\n\n    def forward(self, prompt):\n        return 2 * prompt\n"
    (tmp_path / "encoder_of_hers.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    own = [str(tmp_path / "conf")]
    small = [*tiny_bert, *tiny_cb, "trainer.epochs=1", f"output_dir={tmp_path / 'runs'}", "encoder=mine"]
    [outcome] = train([check(compose([*small, *search_path(own)]))])
    assert "--config-dir DIR" in refusal(outcome.folder)
    assert replay(outcome.folder, own).is_identical
    assert rpt.load(outcome.folder).record == outcome.record  # the exported prompt needs no code of the encoder
    assert rpt.load(outcome.folder, own).record == outcome.record

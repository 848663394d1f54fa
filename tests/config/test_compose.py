"""`rpt.compose` refuses what the command line refuses, with the same message, and reads the user's config folders."""

import subprocess
import sys
from pathlib import Path

import pytest

import rpt
from rpt.config.compose import compose
from rpt.errors import CompositionError, ConfigError
from tests.support.options import ENCODERS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    """Config folder of a user with one option of the group `init`; a comma in its name must not split it."""
    (tmp_path / "my, conf" / "init").mkdir(parents=True)
    (tmp_path / "my, conf" / "init" / "wide.yaml").write_text(
        "_target_: rpt.prompt.init.uniform\nlow: -9.0\nhigh: 9.0\n"
    )
    return tmp_path / "my, conf"


def refusal(overrides, config_dirs=()):
    """Return the message with which a configuration is refused."""
    with pytest.raises(ConfigError) as refused:
        rpt.compose(overrides, config_dirs)
    return str(refused.value)


def test_an_option_of_a_users_folder_is_composed(folder):
    assert compose(["init=wide"], [str(folder)])["init"]["high"] == 9.0
    assert compose(["init=wide", f"hydra.searchpath=['file://{folder}']"])["init"]["high"] == 9.0
    assert rpt.compose(["init=wide"], [folder]).chosen["init"] == "wide"


@pytest.mark.parametrize("has_argument", [True, False])
def test_a_users_option_with_the_name_of_a_shipped_option_is_refused(has_argument, folder):
    (folder / "encoder").mkdir()
    own = folder / "encoder" / "residual.yaml"
    own.write_text("_target_: rpt.prompt.encoders.Plain\n_partial_: true\n")
    overrides = [] if has_argument else [f"hydra.searchpath=['file://{folder}']"]
    assert refusal(["encoder=residual", *overrides], [folder] if has_argument else []) == (
        f"config file = {own}: rpt ships encoder/residual itself, and Hydra would read rpt's file. Rename your file."
    )


@pytest.mark.filterwarnings("error")
def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    message = (
        f"{tmp_path}/nowhere: there is no such config folder. Name a folder that holds encoder/, task/ or studies."
    )
    assert refusal([], [tmp_path / "nowhere"]) == message
    assert refusal([f"hydra.searchpath=[file://{tmp_path}/nowhere]"]) == message


def test_folders_are_named_in_one_way(folder):
    overrides = [f"hydra.searchpath=['file://{folder}']"]
    assert refusal(overrides, [folder]).endswith(
        "does not go with config_dirs. Add the folders of config_dirs to this list."
    )
    assert refusal(overrides * 2).startswith("hydra.searchpath: is set twice, and Hydra reads the first value alone.")


REFUSED = {
    "encoder=null": "encoder=null: a group takes the name of an option. Options: accept, ",
    "encoder=residul": f"encoder = residul: no such option. Did you mean residual? Options: {', '.join(ENCODERS)}.",
    "encodr=plain": "encodr: no such key. Did you mean encoder? ",
    "=3": "=3: is not KEY=VALUE.",
    "lr=[": "lr=[: cannot be read. Quote a value with special characters: 'lr=\"[\"'.",
    "lr=0.1,0.3": "lr=0.1,0.3: several values. A configuration belongs to a single run: give one value.",
    f"lr={'[' * 21}": f"lr = {'[' * 21}: has more than 20 brackets inside each other.",
    f"{'x' * 300}=1": f"{'x' * 40}... (300 characters): no such key or file.",
    "group=${nothing}": "group: Interpolation key 'nothing' not found.",
    "hydra.searchpath=[pkg://no_such_package]": "config folder = pkg://no_such_package: there is no such folder ",
}  # fmt: skip


@pytest.mark.parametrize("override", REFUSED)
@pytest.mark.filterwarnings("ignore:provider=")
def test_an_override_that_cannot_be_composed_is_refused_with_the_message_of_the_command_line(override):
    assert refusal([override]).startswith(REFUSED[override])


def test_the_users_options_and_groups_are_named(folder):
    assert "Did you mean wide?" in refusal(["init=wid"], [folder])
    assert ", wide." in refusal(["init=null"], [folder])


def test_the_error_of_a_composition_holds_the_overrides_and_can_be_pickled():
    import pickle

    with pytest.raises(CompositionError) as refused:
        rpt.compose(["encoder=residul"])
    copy = pickle.loads(pickle.dumps(refused.value))
    assert (str(copy), copy.problems) == (str(refused.value), refused.value.problems)
    assert copy.problems[0].value == ["encoder=residul"]


def test_the_home_folder_is_expanded_in_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    values = compose(["backbone.path=~/x", "question='~/x'"])
    assert (values["backbone"]["path"], values["question"]) == ("/home/me/x", "~/x")


@pytest.mark.parametrize("override", ["encoder=residul", "encoder=null", "lr=-1"])
def test_a_refusal_imports_no_torch(override):
    code = f"import sys, rpt\ntry: rpt.compose([{override!r}])\nexcept ValueError: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"

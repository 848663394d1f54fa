"""The command line is rewritten for Hydra, and flags for which Hydra prints a traceback are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from rpt.config.command_line import config_dirs, names_study, prepared, refusal
from rpt.config.hydra_errors import unnamed_option
from rpt.config.paths import shortened
from tests.support.composed import compose

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("task=cb -m lr=1,2", "-m task=cb lr=1,2"),
        ("lr=1 --multirun -cn learning_rate seed=1", "-m -cn learning_rate lr=1 seed=1"),
        ("-m --cfg hydra", "--cfg hydra hydra.mode=MULTIRUN"),
        ("lr=1 -m -c job seed=2", "-c job lr=1 seed=2 hydra.mode=MULTIRUN"),
        ("-m --info", "--info=all hydra.mode=MULTIRUN"),
        ("--info searchpath lr=1", "--info=searchpath lr=1"),
        ("--info lr=1", "--info=all lr=1"),
        ("logger=wandb --help", "--help logger=wandb"),
        ("'logger=[none,wandb]'", "'logger=[none,wandb]'"),
        ("--config-dir=~/lab lr=1", "--config-dir=/home/me/lab lr=1"),
        ("-cd ~/lab lr=1", "-cd /home/me/lab lr=1"),
        ("hydra.searchpath=[file://~/lab,~/other]", "hydra.searchpath=[file:///home/me/lab,/home/me/other]"),
        ("data.root=~/a,~/b", "data.root=/home/me/a,/home/me/b"),
        ("output_dir=/a/~/b", "output_dir=/a/~/b"),
        ("~lr", "~lr"),
        ("question=~/b", "question=~/b"),
    ],
)
def test_arguments_are_rewritten_for_hydra(given, expected):
    assert prepared(given.split()) == expected.split()


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("--cfg job --info", "--cfg --info: these flags exclude each other."),
        ("--run --cfg job", "--run --cfg: these flags exclude each other."),
        ("--resolve lr=1", "--resolve: needs --cfg"),
        ("--experimental-rerun job.pickle", "--experimental-rerun: rpt writes no pickled jobs. Train a run again"),
        ("replay=runs/x", "replay: is no key of a configuration. Run: python -m rpt.replay runs/x"),
        ("-m ++replay=", "replay: is no key of a configuration. Run: python -m rpt.replay RUN_FOLDER"),
        ("--config-dir /nowhere", "/nowhere: there is no such config folder."),
        ("hydra.searchpath=[file:///nowhere]", "/nowhere: there is no such config folder."),
        ("hydra.searchpath=[/tmp] hydra.searchpath=[/]", "hydra.searchpath: is set twice, and Hydra reads the first"),
    ],
)  # fmt: skip
def test_flags_that_exclude_each_other_are_refused(given, start):
    assert refusal(prepared(given.split())).startswith(start)


@pytest.mark.parametrize("given", ["--cfg job --resolve", "-m lr=1", "--help", "hydra.searchpath=[pkg://mylab.conf]"])
def test_flags_that_can_be_combined_are_not_refused(given):
    assert refusal(prepared(given.split())) is None


def test_config_folders_are_found_in_every_form():
    given = ["-cd", "a", "--config-dir=b", "hydra.searchpath=[file://c, 'd', pkg://e.f]"]
    assert config_dirs(given) == [Path("a"), Path("b"), Path("c"), Path("d")]
    assert config_dirs(["hydra.searchpath=['file://a,b',\"c,d\"]"]) == [Path("a,b"), Path("c,d")]


@pytest.mark.parametrize(("given", "expected"), [("-cn x", True), ("--config-name=x", True), ("-cd x -m", False)])
def test_the_name_of_a_study_is_recognised(given, expected):
    assert names_study(given.split()) is expected


@pytest.mark.parametrize("key", ["data.root", "output_dir", "backbone.path"])
def test_the_home_folder_is_expanded_in_every_path_of_a_configuration(key):
    """rpt expands `~` itself, because no shell expands it in the file of a study."""
    group, _, name = key.rpartition(".")
    values = compose(["data=jsonl", f"{key}='~/place'"])
    assert (values[group] if group else values)[name] == "/home/me/place"


def test_the_home_folder_is_expanded_in_the_path_of_a_prompt():
    assert compose(["init=file", "init.path='~/prompt.npy'"])["init"]["path"] == "/home/me/prompt.npy"


@pytest.mark.parametrize("given", ["task='", 'encoder="', "encoder=(", "task=${seed~"])
def test_an_override_of_a_group_that_cannot_be_read_is_left_to_hydra(given):
    assert unnamed_option([given]) is None


LONG = "x" * 300
SHORT = f"{'x' * 40}... (300 characters)"
NO_OPTION = "no such option. The name of its file has at most 255 bytes. See --help for the options."
NO_NAME = "A name has at most 255 bytes."
NO_FOLDER = "there is no such config folder. Name a folder that holds encoder/, task/ or studies."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (f"task={LONG}", f"task = {SHORT}: {NO_OPTION}"),
        (f"logger={LONG}", f"logger = {SHORT}: {NO_OPTION}"),
        (f"+task@other=cb,{LONG}", f"task = {SHORT}: {NO_OPTION}"),
        (f"hydra/launcher={LONG}", f"hydra/launcher = {SHORT}: {NO_OPTION}"),
        (f"task={'x' * 251}", f"task = {'x' * 40}... (251 characters): {NO_OPTION}"),
        (f"task={'a/' * 3000}", f"task = {'a/' * 20}... (6000 characters): {NO_OPTION}"),
        (f"--config-dir={LONG}", f"{SHORT}: {NO_FOLDER}"),
        (f"hydra.searchpath=[{LONG}]", f"{SHORT}: {NO_FOLDER}"),
        (f"--config-name={LONG}", f"--config-name = {SHORT}: no such file. {NO_NAME}"),
        (f"-cn {LONG}", f"{SHORT}: no such key or file. {NO_NAME}"),
        (f"{LONG}=1", f"{SHORT}: no such key or file. {NO_NAME}"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(given, message):
    arguments = prepared(given.split())
    assert (refusal(arguments) or unnamed_option(arguments)) == message


@pytest.mark.parametrize("given", [f"task={'x' * 250}", f"output_dir={'x' * 255}", f"question='{'x' * 999}'"])
def test_the_longest_name_that_a_file_can_have_is_not_refused(given):
    assert refusal([given]) is None
    assert unnamed_option([given]) is None


@pytest.mark.parametrize("value", ["[" * 21 + "]" * 21, "[" * 21, "{a:" * 21 + "1" + "}" * 21, "${" * 21 + "}" * 21])
def test_a_value_that_is_nested_too_deeply_is_refused(value):
    advice = "has more than 20 brackets inside each other. Give a value with fewer levels."
    assert refusal([f"+new={value}"]) == f"+new = {shortened(value)}: {advice}"


@pytest.mark.parametrize("value", ["[" * 20 + "]" * 20, "[]" * 50, "]" * 50])
def test_a_value_of_few_levels_is_not_refused(value):
    assert refusal([f"+new={value}"]) is None


def test_the_command_refuses_a_value_that_is_nested_too_deeply():
    command = [sys.executable, ROOT / "run.py", f"+new={'[' * 200}{']' * 200}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    advice = "has more than 20 brackets inside each other. Give a value with fewer levels."
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"+new = {'[' * 40}... (400 characters): {advice}\n"


@pytest.mark.parametrize("given", ["+task=inf", "~task=nan", "~logger=[]", "task@other=1", "hydra/launcher=true"])
def test_a_group_that_is_added_moved_or_removed_takes_only_names_of_options(given):
    assert unnamed_option([given]).startswith(f"{given}: a group takes the name of an option. ")

"""The arguments that Hydra gets, and the flags that it would answer with a traceback."""

from pathlib import Path

import pytest

from rpt.command_line import config_dirs, names_study, prepared, refusal
from rpt.config import compose
from rpt.refusals import unnamed_option


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
        ("logger=wandb --help", "--help logger=[wandb]"),
        ("'logger=[csv,wandb]'", "'logger=[csv,wandb]'"),
        ("--config-dir=~/lab lr=1", "--config-dir=/home/me/lab lr=1"),
        ("-cd ~/lab lr=1", "-cd /home/me/lab lr=1"),
        ("hydra.searchpath=[file://~/lab,~/other]", "hydra.searchpath=[file:///home/me/lab,/home/me/other]"),
        ("data.root=~/a,~/b", "data.root=/home/me/a,/home/me/b"),
        ("output_dir=/a/~/b", "output_dir=/a/~/b"),
        ("~lr", "~lr"),
        ("question=~/b", "question=~/b"),
    ],
)
def test_arguments_are_put_as_hydra_takes_them(given, expected):
    assert prepared(given.split()) == expected.split()


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("--cfg job --info", "--cfg --info: one at a time."),
        ("--run --cfg job", "--run --cfg: one at a time."),
        ("--resolve lr=1", "--resolve: belongs to --cfg"),
        ("--experimental-rerun job.pickle", "--experimental-rerun: rpt has no pickled jobs. Train a run again"),
        ("--config-dir /nowhere", "/nowhere: there is no such config folder."),
        ("hydra.searchpath=[file:///nowhere]", "/nowhere: there is no such config folder."),
    ],
)  # fmt: skip
def test_flags_that_do_not_go_together_are_refused(given, start):
    assert refusal(prepared(given.split())).startswith(start)


@pytest.mark.parametrize("given", ["--cfg job --resolve", "-m lr=1", "--help", "hydra.searchpath=[pkg://mylab.conf]"])
def test_flags_that_go_together_are_not_refused(given):
    assert refusal(prepared(given.split())) is None


def test_config_folders_are_found_in_every_form():
    given = ["-cd", "a", "--config-dir=b", "hydra.searchpath=[file://c, 'd', pkg://e.f]"]
    assert config_dirs(given) == [Path("a"), Path("b"), Path("c"), Path("d")]


@pytest.mark.parametrize(("given", "expected"), [("-cn x", True), ("--config-name=x", True), ("-cd x -m", False)])
def test_a_named_study_is_seen(given, expected):
    assert names_study(given.split()) is expected


@pytest.mark.parametrize("key", ["data.root", "output_dir", "backbone.path", "replay"])
def test_the_home_folder_is_expanded_in_every_path_of_a_configuration(key):
    """In a study's file as well, where no shell could expand it."""
    group, _, name = key.rpartition(".")
    values = compose(["data=jsonl", f"{key}='~/place'"])
    assert (values[group] if group else values)[name] == "/home/me/place"


def test_the_home_folder_is_expanded_in_the_path_of_a_prompt():
    assert compose(["init=file", "init.path='~/prompt.npy'"])["init"]["path"] == "/home/me/prompt.npy"


@pytest.mark.parametrize("given", ["task='", 'encoder="', "encoder=(", "task=${seed~"])
def test_an_override_of_a_group_that_cannot_be_read_is_left_to_hydra(given):
    assert unnamed_option([given]) is None

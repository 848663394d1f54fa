"""Loading a model or a tokenizer prints no report and no progress bar of transformers, whatever the entry."""

import logging

import pytest
from transformers.utils import logging as transformers_logging

import rpt


@pytest.fixture
def talkative():
    """Let transformers and Lightning print, as they do in a new process."""
    transformers_logging.enable_progress_bar()
    transformers_logging.set_verbosity_info()
    logging.getLogger("lightning.pytorch").setLevel(logging.INFO)
    yield
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


@pytest.fixture
def short(configure, tiny_cb):
    return configure(*tiny_cb, "trainer.epochs=1", "trainer.progress=false")


def is_quiet():
    levels = [transformers_logging.get_verbosity(), logging.getLogger("lightning.pytorch").level]
    return not transformers_logging.is_progress_bar_enabled() and levels == [logging.ERROR, logging.ERROR]


def test_a_module_for_a_lightning_trainer_is_loaded_without_messages(short, talkative, capfd):
    rpt.PromptTuner.from_config(short, rpt.TaskData(short))
    assert is_quiet()
    assert capfd.readouterr().err == ""


def test_a_tokenizer_is_loaded_without_messages(short, talkative, capfd):
    rpt.TaskData(short).setup()
    assert is_quiet()
    assert capfd.readouterr().err == ""


def test_the_module_of_a_trained_run_is_loaded_without_messages(short, request, capfd):
    [outcome] = rpt.train([short])
    capfd.readouterr()
    request.getfixturevalue("talkative")
    rpt.load(outcome.folder).module  # noqa: B018
    assert is_quiet()
    assert capfd.readouterr().err == ""

"""A scorer of the user decides by its built object whether an evaluation needs the token ids of all choices."""

import lightning
import pytest

import rpt
from rpt.config.check import check
from rpt.scoring.language import GenerateScorer, RankScorer
from tests.support.composed import compose

HERE = "tests.scoring.test_own_scorers"
QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}

pytestmark = pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning")


class Delegating:
    """Scorer that passes each call to another scorer, and whose class does not say which choices it needs."""

    def __init__(self, scorer):
        self.new_head, self.losses, self.score = scorer.new_head, scorer.losses, scorer.score


class WithProperty(Delegating):
    def __init__(self, max_new_tokens):
        super().__init__(GenerateScorer(max_new_tokens=max_new_tokens))

    @property
    def with_choices(self):
        return False


class SetInConstructor(Delegating):
    def __init__(self):
        super().__init__(RankScorer(length_normalised=False))
        self.with_choices = True


def make_scorer():
    return RankScorer(length_normalised=False)


def configured(tiny, scorer):
    """Check a configuration with a shipped scorer, or with the object of this module that has the name."""
    short = ["task=copa", "data.max_rows=8", "prompt.length=2", "encoder=plain", "trainer.device=cpu"]
    values = compose([*tiny, *short])
    values["scorer"] = {"_target_": f"{HERE}.{scorer}"} if scorer in globals() else {**values["scorer"], "name": scorer}
    return check(values)


@pytest.mark.parametrize(
    ("own", "shipped", "with_choices"),
    [("WithProperty", "generate", False), ("SetInConstructor", "rank", True), ("make_scorer", "rank", True)],
)
def test_each_kind_of_own_scorer_answers_as_the_shipped_scorer_that_it_uses(own, shipped, with_choices, tiny_llama):
    answers = []
    for scorer in (own, shipped):
        config = configured(tiny_llama, scorer)
        data = rpt.TaskData(config)
        module = rpt.PromptTuner.from_config(config, data)
        assert data.with_choices is with_choices
        data.with_choices = not with_choices  # as in new data for a loaded run; the Trainer sets it again
        lightning.Trainer(**QUIET).test(module, data, verbose=False)
        assert data.with_choices is with_choices
        answers.append(module.predictions[0].metrics(module.metric_names))
    assert answers[0] == answers[1]


def test_before_a_scorer_is_built_the_data_needs_no_choices_of_an_own_scorer(tiny_llama):
    configs = [configured(tiny_llama, scorer) for scorer in ("make_scorer", "WithProperty", "rank")]
    assert [rpt.TaskData(config).with_choices for config in configs] == [False, False, True]

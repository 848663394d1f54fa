"""False positive rate of the report's claims in studies whose encoders are all equal."""

import re

import pytest

from rpt.report.measure.numbers import measure
from rpt.report.say.answer import answer
from tests.support.null_studies import MAJORITY, NOISE, null_study

NUM_STUDIES = 250
MAX_SHARE = 0.07
"""Largest share of studies with a false claim: the level of 5 %, and 2 % for the error of 250 studies."""

CLAIM = re.compile(r"(?<!hether )\b\w+ (?:scores (?:higher|lower) than|needs (?:fewer|more))")
SUPPORT = re.compile(r"the data support (?!none)")


def claims(numbers, study):
    """Return the sentences of the answer that claim a difference between encoders or from a baseline."""
    sentences = [sentence for part in answer(study, numbers) for sentence in part.sentences]
    return [sentence for sentence in sentences if CLAIM.search(sentence) or SUPPORT.search(sentence)]


@pytest.mark.slow
@pytest.mark.timeout(900)  # 250 studies take a minute, and several minutes on a busy or old processor
@pytest.mark.parametrize("noise", NOISE)
def test_claims_about_equal_encoders_are_rare(noise):
    """A study has three seeds, 56 rows, five learning rates, four encoders and the head alone."""
    num_answers, num_exploratory = 0, 0
    for seed in range(NUM_STUDIES):
        study = null_study(seed, NOISE[noise])
        numbers = measure(study)
        pairs = [*numbers.sweep, *numbers.tuned, *numbers.by_point, *numbers.by_value]
        families = [pair.family for pair in pairs if pair.verdict != "open"]
        sentences = claims(numbers, study)
        assert bool(sentences) == ("answer" in families), sentences  # the sentences agree with the verdicts
        num_answers += bool(sentences)
        num_exploratory += "exploratory" in families
    assert num_answers <= MAX_SHARE * NUM_STUDIES
    assert num_exploratory <= MAX_SHARE * NUM_STUDIES


def test_claims_are_recognised():
    """`claims` finds the sentences of a real difference, so that the test of equal encoders can fail."""
    study = null_study(0, 0.1)
    lines = {run.method: 1.0 if run.method == "residual" else 0.0 for run in study.runs}
    for run in study.runs:
        run.units[:] = lines[run.method]
        run.record.scores["score"] = lines[run.method]
    found = claims(measure(study), study)
    assert any(sentence.startswith("Averaged over the sweep, residual scores higher than plain") for sentence in found)
    assert any("residual scores higher than head alone" in sentence for sentence in found)
    assert not claims(measure(null_study(1, 0.1)), null_study(1, 0.1))
    assert MAJORITY < 1

"""How often the answer in words claims a difference where all encoders are equal."""

import re

import pytest

from rpt.report.measure.numbers import measure
from rpt.report.say.answer import answer
from tests.support.null_studies import MAJORITY, NOISE, null_study

NUM_STUDIES = 250
MOST = 0.07
"""5 %, and what 250 studies can be off by."""

CLAIM = re.compile(r"(?<!hether )\b\w+ (?:scores (?:higher|lower) than|beats|does not beat|needs (?:fewer|more))")
SUPPORT = re.compile(r"the data support (?!none)")


def claims(numbers, study):
    """The sentences that claim a difference between encoders or from a baseline."""
    sentences = [sentence for part in answer(study, numbers) for sentence in part.sentences]
    return [sentence for sentence in sentences if CLAIM.search(sentence) or SUPPORT.search(sentence)]


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
def test_equal_encoders_are_seldom_told_apart(noise):
    """Three seeds, 56 rows, five rates, four encoders and the head alone, all with the same expected score."""
    in_words, elsewhere = 0, 0
    for seed in range(NUM_STUDIES):
        study = null_study(seed, NOISE[noise])
        numbers = measure(study)
        every = [*numbers.sweep, *numbers.tuned, *numbers.by_point, *numbers.by_value]
        told = [pair.family for pair in every if pair.verdict != "open"]
        said = claims(numbers, study)
        assert bool(said) == ("answer" in told), said  # words and table say the same
        in_words += bool(said)
        elsewhere += "exploratory" in told
    assert in_words <= MOST * NUM_STUDIES
    assert elsewhere <= MOST * NUM_STUDIES


def test_a_claim_is_counted_as_one():
    """The count above cannot pass because it overlooks sentences."""
    study = null_study(0, 0.1)
    lines = {run.method: 1.0 if run.method == "residual" else 0.0 for run in study.runs}
    for run in study.runs:
        run.units[:] = lines[run.method]
        run.record.scores["score"] = lines[run.method]
    said = claims(measure(study), study)
    assert any(sentence.startswith("Averaged over the sweep, residual scores higher than plain") for sentence in said)
    assert any("residual beats head alone" in sentence for sentence in said)
    assert not claims(measure(null_study(1, 0.1)), null_study(1, 0.1))
    assert MAJORITY < 1

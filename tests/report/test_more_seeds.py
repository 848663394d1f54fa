"""The page gives the number of seeds that would show a difference, from the power analysis."""

import math

import numpy as np
import pytest

from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.say.answer import answer
from rpt.report.say.headline import headline, headline_pair
from rpt.report.say.more_seeds import UNKNOWN, more_seeds
from rpt.report.say.sentences import CANNOT_TELL
from rpt.stats.estimate import Comparison, Estimate
from rpt.stats.power import seeds_needed
from tests.support.report_fixture import write_run

LABEL = "residual minus plain, averaged over the sweep"


def pair(needed, observed, value=0.023, seeds=3):
    compared = Comparison(Estimate(value, value - 0.05, value + 0.05, seeds), 0.3, ())
    return Pair("cb", "residual", "plain", "sweep", {}, compared, 0.3, needed, 56, 5, seeds_for_observed=observed)


def test_both_numbers_are_given_with_their_assumptions():
    assert list(more_seeds(pair(40, 9, value=-0.023), LABEL)) == [
        "The number above is residual minus plain, averaged over the sweep, from 3 seeds and 56 examples.",
        "About 40 seeds would show a difference of one point.",
        "About 9 seeds would show a true difference as large as the observed 2.3 points.",
        "The estimate is for a power of 0.8, at the 5 % level before Holm's correction. "
        "It comes from 3 seeds, so that it is a rough size.",
    ]


def test_if_no_number_of_seeds_suffices_the_page_asks_for_more_examples():
    sentences = list(more_seeds(pair(math.inf, 9), LABEL))
    assert (
        "No number of seeds would show a difference of one point on 56 examples: that needs more examples." in sentences
    )
    assert "About 9 seeds would show a true difference as large as the observed 2.3 points." in sentences


@pytest.mark.parametrize(
    ("needed", "seeds", "last"),
    [
        (None, 2, "With 3 or more seeds the report estimates how many seeds would show a difference."),
        (None, 3, UNKNOWN),
    ],
)
def test_without_a_variance_there_is_no_number(needed, seeds, last):
    sentences = list(more_seeds(pair(needed, None, seeds=seeds), LABEL))
    assert len(sentences) == 2
    assert sentences[-1] == last


def test_an_observed_difference_of_zero_has_no_number():
    assert not any("observed" in text for text in more_seeds(pair(40, None, value=0.0), LABEL))


def test_the_numbers_are_from_the_power_analysis_of_the_comparison_in_the_headline(tmp_path):
    for seed in range(4):
        for encoder, skill in (("plain", 0.6), ("residual", 0.7)):
            for rate in (0.01, 0.1):
                write_run(tmp_path, f"encoder={encoder}", f"lr={rate}", f"seed={seed}", skill=skill, diagnostics=False)
    study = collect(tmp_path)
    numbers = measure(study)
    curves = [study.curve("cb", method).units.mean(axis=0) for method in ("residual", "plain")]
    differences = curves[0] - curves[1]
    compared = headline_pair(study, numbers)
    assert compared is numbers.sweep[0]
    assert compared.seeds_needed == seeds_needed(differences)
    assert compared.seeds_for_observed == seeds_needed(differences, effect=abs(float(np.mean(differences))))
    sentences = headline(study, numbers, answer(study, numbers)).changes
    assert sentences[0].endswith("from 4 seeds and 64 examples.")
    assert not any(word in " ".join(sentences) for word in (CANNOT_TELL, "scores higher", "beats"))


def test_a_study_of_one_encoder_has_no_numbers_of_seeds(tmp_path):
    for seed in range(3):
        write_run(tmp_path, f"seed={seed}", diagnostics=False)
    study = collect(tmp_path)
    numbers = measure(study)
    assert headline_pair(study, numbers) is None
    assert headline(study, numbers, answer(study, numbers)).changes == ()

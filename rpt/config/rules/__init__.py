"""Rules that check the parts of a configuration against each other and against this machine.

A rule takes a typed configuration and yields the problems that it finds. If the schema has refused a value that a rule
needs, the rule ends there. No rule imports torch, so that a wrong configuration is refused without this import.
"""

from collections.abc import Callable, Iterator

from rpt.config.rules import backbone, data, options, task
from rpt.config.rules.candidate import Candidate
from rpt.errors import Problem

__all__ = ["ANSWER_RULES", "RULES", "Candidate", "Rule"]

Rule = Callable[[Candidate], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    options.one_option_a_group,
    options.paths_are_whole,
    options.names_are_short,
    options.folder_name_is_short,
    backbone.backbone_can_serve,
    backbone.prompt_fits_backbone,
    backbone.scorer_fits_family,
    backbone.prompt_place_fits_family,
    backbone.cached_text_is_unchanged,
    backbone.prompt_layer_fits_backbone,
    backbone.prefix_fits_backbone,
    backbone.tuning_has_no_prompt,
    data.data_is_there,
    task.task_is_sound,
    task.task_serves_backbone,
    task.framing_has_a_scorer,
    task.labels_fit_prompt,
    options.lstm_can_drop,
    options.bounds_are_ordered,
    options.text_says_something,
    options.devices_have_rows,
    options.dropout_has_one_stream,
    options.callbacks_have_one_device,
    options.files_exist,
    options.folders_are_writable,
    options.components_have_targets,
    options.loggers_can_start,
)

OF_THE_TRAINING = (
    data.data_is_there,
    options.folder_name_is_short,
    options.devices_have_rows,
    options.dropout_has_one_stream,
    options.callbacks_have_one_device,
    options.files_exist,
    options.folders_are_writable,
    options.loggers_can_start,
)
"""Rules about the rows, files and devices of a training, and about the folders to which it writes."""

ANSWER_RULES = tuple(rule for rule in RULES if rule not in OF_THE_TRAINING)
"""Rules for a finished run that answers rows: it reads no training rows and writes no files."""

"""A damaged command line is accepted or refused with a message, in the test process and by the command itself."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hydra import compose, initialize_config_dir

from rpt.config.broken_files import odd_files_refused
from rpt.config.check import check
from rpt.config.command_line import prepared, refusal
from rpt.config.compose import plain
from rpt.config.hydra_errors import USER_ERRORS, explain, unnamed_option
from rpt.config.paths import config_dir, search_path
from rpt.errors import RptError
from tests.fuzz.mutate import outcome

ROOT = Path(__file__).parents[2]
CASES = 600
"""Number of damaged command lines."""

COMMANDS = 6
"""Number of refused command lines that are also started in a new process."""

VALID = {
    "lr": ("0.01", "1e-4", "3"),
    "seed": ("0", "7", "1_000"),
    "trainer.epochs": ("1", "30"),
    "task": ("cb", "rte", "copa"),
    "encoder": ("plain", "residual", "none"),
    "logger": ("none", "[none]", "[]", "tensorboard"),
    "prompt.length": ("1", "20"),
    "group": ("null", "mine", "'a b'", '"a,b"', "${task.name}"),
    "output_dir": ("runs", "../runs", "~/runs"),
    "hydra.searchpath": ("[]", "[file://conf]", "[pkg://rpt]"),
    "experiment": ("paper/bert_n10", "paper_code"),
    "-cn": ("learning_rate", "config"),
    "--config-name": ("learning_rate",),
    "--config-dir": ("conf", "."),
    "-cd": ("conf",),
}
"""Keys and flags, each with values that are valid or almost valid."""

ODD_KEYS = ("+new", "++lr", "~lr", "~task", "+task", "task@data", "hydra/launcher", "init.path", "replay", "x" * 300)
ODD_VALUES = (
    *("", "null", "-1", "nan", "inf", "1e999", "9" * 400, "true", "cb", "[", "]", "[[]]", "{a:1}", "{a:{b:[c]}}"),
    *("{", "'", '"', "\\", "${seed}", "${seed", "${oc.env:NO}", "???", "é", "\u2028", "a=b", "1,2", "range(1,3)"),
    *("[" * 200, "[" * 200 + "]" * 200, "{a:" * 120 + "1" + "}" * 120, "[" * 15 + "]" * 15, "${" * 300 + "}" * 300),
    *("../../x", "~/x", "-cn", "x" * 253, "x" * 300, "x" * 5000, "a/" * 3000, "[cb,x]", "!!python/x", "int(0.5)"),
)
SIGNS = "[]{}()'\"\\$,:=~+@#% \té\u2028\x000"


def damaged(random):
    """Return one or two overrides or flags: valid, with an odd key or value, or with a changed character."""
    arguments = []
    for _ in range(random.choice((1, 1, 2))):
        key = random.choice(tuple(VALID))
        value = random.choice(VALID[key])
        kind = random.choice(("valid", "value", "value", "key", "sign", "sign"))
        if kind == "value":
            value = random.choice(ODD_VALUES)
        elif kind == "key":
            key, value = random.choice(ODD_KEYS), random.choice((value, *ODD_VALUES))
        text = f"{key}={value}"
        if kind == "sign":
            start = random.randrange(len(text) + 1)
            text = text[:start] + random.choice(SIGNS) + text[start + random.choice((0, 1)) :]
        arguments += text.split("=", 1) if text.startswith(("-cn=", "-cd=")) else [text]
    return arguments


def composed(arguments):
    """Compose the configuration of a command line with `-cn` and `--config-dir`, as Hydra's command does."""
    name, folders, overrides = "config", [], []
    rest = iter(arguments)
    for text in rest:
        key, equals, value = text.partition("=")
        if not text.startswith("-"):
            overrides.append(text)
        elif key in ("-cn", "--config-name"):
            name = value if equals else next(rest, "")
        elif key in ("-cd", "--config-dir"):
            folders.append(value if equals else next(rest, ""))
        else:
            raise RptError(f"{key}: argparse knows no such flag")
    with odd_files_refused(), initialize_config_dir(str(config_dir()), version_base="1.3"):
        values = compose(name, [*search_path([*filter(None, folders)]), *overrides], return_hydra_config=True)
    return plain(values, values.hydra.runtime.choices)


def accept(arguments, monkeypatch):
    """Do what the command does before training."""
    arguments = prepared(arguments)
    monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
    if message := refusal(arguments) or unnamed_option(arguments):
        raise RptError(message)
    try:
        check(composed(arguments))
    except USER_ERRORS as error:  # `rpt.cli` handles the same errors
        raise RptError(explain(error)) from error


@pytest.mark.slow
@pytest.mark.timeout(600, method="thread")
def test_damaged_command_lines_are_accepted_or_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    endings, broken, refused = Counter(), {}, []
    for case in range(CASES):
        arguments = damaged(Random(f"overrides {case}"))
        ending = outcome(lambda arguments=arguments: accept(arguments, monkeypatch))
        endings[ending.partition(":")[0]] += 1
        if ending.startswith("broken"):
            broken[str(arguments)[:200]] = ending
        elif ending.startswith("refused") and "\0" not in "".join(arguments):  # a process cannot get a null byte
            refused.append(arguments)
    assert broken == {}
    assert endings["refused"] > CASES // 4
    assert endings["accepted"] > CASES // 20
    for arguments in refused[:: len(refused) // COMMANDS][:COMMANDS]:
        ended = subprocess.run(
            [sys.executable, ROOT / "run.py", *arguments], capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout) == (2, ""), (arguments, ended.stderr)
        assert ended.stderr.strip(), arguments
        assert "Traceback" not in ended.stderr, arguments
    assert list(tmp_path.iterdir()) == []

"""Rewrite the command line for Hydra, and refuse arguments for which Hydra would print a traceback."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from rpt.config.paths import MOST_BYTES, SEARCH_PATH, expand_override, expand_text, is_too_long, shortened, user_path
from rpt.config.user_folders import folders_of

CONFIG_DIR = ("-cd", "--config-dir")
CONFIG_NAME = ("-cn", "--config-name")
MULTIRUN = ("-m", "--multirun")
SHOWS = ("--cfg", "-c", "--info", "-i")
"""Flags with which the command prints something instead of training."""

INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
"""Values that `--info` accepts."""

TAKES_VALUE = (*CONFIG_NAME, "-cp", "--config-path", "-c", "--cfg", "-p", "--package", "--experimental-rerun")
"""Flags whose value is the next argument, apart from `--config-dir` and `-cd`."""

COMMANDS = {"--run": ("-r", "--run"), "--cfg": ("-c", "--cfg"), "--info": ("-i", "--info")}
"""Flags that exclude each other in Hydra, by their names in messages."""

MOST_LEVELS = 20
"""Largest depth of nested brackets in an argument. Hydra parses them by recursion."""


def prepared(arguments: Sequence[str]) -> list[str]:
    """Rewrite the arguments so that Hydra understands them in any order.

    Args:
        arguments: Command line without the program's name.

    Returns:
        Flags, then overrides, with `~` expanded in paths. With a flag that prints the configuration, `-m` becomes
        `hydra.mode=MULTIRUN`, because Hydra does not accept both flags.
    """
    flags, overrides = _split(arguments)
    hydra_flags = [text for text in flags if text not in MULTIRUN]
    is_multirun = len(hydra_flags) < len(flags)
    if is_multirun and prints_configuration(hydra_flags):
        overrides.append("hydra.mode=MULTIRUN")
    elif is_multirun:
        hydra_flags.insert(0, "-m")
    return [*hydra_flags, *overrides]


def refusal(arguments: Sequence[str]) -> str | None:
    """Return the message for the first fault of the arguments; None if there is no fault.

    A fault is a pair of flags that exclude each other, `--resolve` without `--cfg`, `--experimental-rerun`,
    `replay=FOLDER` (a command of older versions), or a fault that `unusable` describes.

    Args:
        arguments: Arguments as `prepared` returns them.
    """
    commands = [name for name, flags in COMMANDS.items() if any(_is_flag(text, flags) for text in arguments)]
    if len(commands) > 1:
        return f"{' '.join(commands)}: these flags exclude each other. Give only one of them."
    if "--resolve" in arguments and "--cfg" not in commands and not {"-h", "--help"} & set(arguments):
        return "--resolve: needs --cfg, such as --cfg job --resolve."
    if any(_is_flag(text, ("--experimental-rerun",)) for text in arguments):
        return (
            "--experimental-rerun: rpt writes no pickled jobs. Train a run again with python -m rpt.replay RUN_FOLDER"
        )
    for text in arguments:
        key, equals, value = text.lstrip("+~").partition("=")
        if key == "replay" and equals:
            return f"replay: is no key of a configuration. Run: python -m rpt.replay {value or 'RUN_FOLDER'}"
    return unusable(arguments)


def unusable(arguments: Sequence[str]) -> str | None:
    """Return the message for the first argument that Hydra would ignore or not survive; None if there is none.

    Such an argument names a missing config folder, sets the search path a second time, has a name that is too long, or
    has a value that is nested too deeply.

    Args:
        arguments: Arguments as `prepared` returns them, or overrides alone.
    """
    for folder in config_dirs(arguments):
        if is_too_long(str(folder)) or not folder.is_dir():
            advice = "there is no such config folder. Name a folder that holds encoder/, task/ or studies."
            return f"{shortened(str(folder))}: {advice}"
    if sum(text.startswith(f"{SEARCH_PATH}=") for text in arguments) > 1:
        return f"{SEARCH_PATH}: is set twice, and Hydra reads the first value alone. Name all folders in one list."
    return next(filter(None, map(_oversized, arguments)), None)


def names_study(arguments: Sequence[str]) -> bool:
    """Whether the arguments name a primary configuration, as `-cn learning_rate` does."""
    return study_name(arguments) is not None


def study_name(arguments: Sequence[str]) -> str | None:
    """Return the primary configuration that the arguments name, such as `learning_rate` in `-cn learning_rate`.

    Args:
        arguments: Command line without the program's name.

    Returns:
        Name of the configuration; None if the arguments name none.

    Examples:
        >>> study_name(["--config-name=learning_rate"]), study_name(["-cn", "seeds"]), study_name([])
        ('learning_rate', 'seeds', None)
    """
    for text, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if _is_flag(text, CONFIG_NAME):
            return text.partition("=")[2] or following
    return None


def prints_configuration(arguments: Sequence[str]) -> bool:
    """Whether the arguments print a configuration or information instead of training, as `--cfg job` does."""
    return any(_is_flag(text, SHOWS) for text in arguments)


def config_dirs(arguments: Sequence[str]) -> list[Path]:
    """List the config folders of the user: `--config-dir` and `hydra.searchpath`, without packages (`pkg://`).

    Args:
        arguments: Command line without the program's name.
    """
    folders = []
    for flag, text in zip(["", *arguments], arguments, strict=False):
        if flag in CONFIG_DIR:
            folders.append(text)
        elif _is_flag(text, CONFIG_DIR) and "=" in text:
            folders.append(text.partition("=")[2])
        elif text.startswith(f"{SEARCH_PATH}="):
            folders += [entry.removeprefix("file://") for entry in _entries(text) if "pkg://" not in entry]
    return [Path(text) for text in folders if text]


def config_packages(arguments: Sequence[str]) -> list[Path]:
    """List the folders of the packages (`pkg://`) in `hydra.searchpath`.

    Args:
        arguments: Command line without the program's name.
    """
    entries = [entry for text in arguments if text.startswith(f"{SEARCH_PATH}=") for entry in _entries(text)]
    packages = [entry.removeprefix("pkg://") for entry in entries if entry.startswith("pkg://")]
    return [folder for package in packages for folder in folders_of("pkg", package)]


def _entries(override: str) -> list[str]:
    """List the entries in an override of the search path. A comma in quotes belongs to an entry."""
    value = override.partition("=")[2].removeprefix("[").removesuffix("]")
    entries = re.findall(r"\"[^\"]*\"|'[^']*'|[^,]+", value)
    return [entry.strip(" '\"") for entry in entries]


def _is_flag(text: str, flags: Sequence[str]) -> bool:
    return text in flags or text.startswith(tuple(f"{flag}=" for flag in flags))


def _oversized(argument: str) -> str | None:
    """Return the message for an argument with a name that is too long or a value that is nested too deeply."""
    key, _, value = argument.partition("=")
    if is_too_long(key):
        return f"{shortened(key)}: no such key or file. A name has at most {MOST_BYTES} bytes."
    if key in CONFIG_NAME and is_too_long(value):
        return f"{key} = {shortened(value)}: no such file. A name has at most {MOST_BYTES} bytes."
    if _levels(argument) > MOST_LEVELS:
        advice = f"has more than {MOST_LEVELS} brackets inside each other. Give a value with fewer levels."
        return f"{shortened(key)} = {shortened(value)}: {advice}"
    return None


def _levels(text: str) -> int:
    """Compute the largest depth of nested brackets. Brackets in quotes count, because they may be parsed later."""
    steps = (1 if character in "[{(" else -1 for character in text if character in "[]{}()")
    return max(accumulate(steps), default=0)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate flags with their values from overrides, because argparse does not accept them mixed."""
    flags, overrides = [], []
    remaining = list(arguments)
    while remaining:
        text = remaining.pop(0)
        if not text.startswith("-"):
            overrides.append(expand_override(text))
        elif text in COMMANDS["--info"]:
            flags.append(f"--info={remaining.pop(0) if remaining and remaining[0] in INFO else 'all'}")
        elif text in CONFIG_DIR and remaining:
            flags += [text, str(user_path(remaining.pop(0)))]
        elif text in TAKES_VALUE and remaining:
            flags += [text, remaining.pop(0)]
        else:
            flags.append(expand_text(text) if _is_flag(text, CONFIG_DIR) else text)
    return flags, overrides

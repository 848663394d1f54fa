"""Change the records of runs, and read the messages with which a replay refuses them."""

import json

import pytest

from rpt.errors import ConfigError
from rpt.replay import replay


def edit(folder, change):
    """Change the record of a run by a function."""
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


def refusal(folder, config_dirs=()):
    """Return the message with which a replay is refused before any training."""
    with pytest.raises(ConfigError) as error:
        replay(folder, config_dirs)
    assert not (folder / "replay").is_dir()
    return str(error.value)

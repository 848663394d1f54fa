"""The options of the cache of texts are refused with the key, the allowed values and advice."""

import pytest

from rpt.config.check import check
from rpt.config.compose import compose
from rpt.errors import ConfigError

UNITS = "must be a whole number with the unit KiB, MiB, GiB or TiB, such as 500MiB or 4GiB."
REFUSED = {
    "backbone.text_cache_memory=4GB": f"backbone.text_cache_memory = 4GB: {UNITS}",
    "backbone.text_cache_disk=1000000": f"backbone.text_cache_disk = 1000000: {UNITS}",
    f"backbone.text_cache_dir={'x' * 300}": f"backbone.text_cache_dir = {'x' * 40}... (300 characters): is too long. "
    "A name of a file or folder may have 255 bytes, and a whole path 2000. Set backbone.text_cache_dir to a shorter "
    "path.",
}


@pytest.mark.parametrize("override", REFUSED)
def test_a_wrong_option_is_refused(override):
    with pytest.raises(ConfigError) as refused:
        check(compose([override]))
    assert str(refused.value) == REFUSED[override]


def test_a_folder_in_the_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = check(compose(['backbone.text_cache_dir="~/cache"', "backbone.text_cache_memory=1MiB"]))
    assert config.backbone.text_cache_dir == str(tmp_path / "cache")

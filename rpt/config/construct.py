"""Build a component from its section of the configuration."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rpt.config.imported_signatures import described
from rpt.config.schema import Component
from rpt.errors import ConfigError, RptError
from rpt.system.modules import load_object
from rpt.system.out_of_memory import is_out_of_memory


def construct(key: str, component: Component, *arguments: Any, **keywords: Any) -> Any:
    """Import a component's constructor and call it with the component's options.

    `rpt.config.check` has checked the options against the constructor's signature.

    Args:
        key: Key of the component in the configuration, for error messages.
        component: Checked section of the configuration.
        arguments: Positional arguments that depend on the run.
        keywords: Keyword arguments that depend on the run.

    Raises:
        ConfigError: The constructor raises an error. An `RptError` and an out-of-memory error are raised unchanged.
    """
    assert component.target is not None
    with _errors_explained(key, component):
        return load_object(component.target)(*arguments, **keywords, **component.options)


def construct_with_known(
    key: str, component: Component, known: Mapping[str, Any], *arguments: Any, **keywords: Any
) -> Any:
    """Build a component with the arguments in `known` that its constructor takes and that its options do not set.

    Args:
        key: Key of the component in the configuration, for error messages.
        component: Checked section of the configuration.
        known: Keyword arguments that depend on the run, by name.
        arguments: Positional arguments that depend on the run.
        keywords: Keyword arguments that the constructor must take.

    Raises:
        ConfigError: The component cannot be imported, or its constructor raises an error. An `RptError` and an
            out-of-memory error are raised unchanged.
    """
    assert component.target is not None
    with _errors_explained(key, component):
        parameters = inspect.signature(load_object(component.target)).parameters
    taken = {name: value for name, value in known.items() if name in parameters and name not in component.options}
    return construct(key, component, *arguments, **taken, **keywords)


@contextmanager
def _errors_explained(key: str, component: Component) -> Iterator[None]:
    """Turn an error of the block, which imports or calls a component's constructor, into a ConfigError."""
    try:
        yield
    except Exception as error:
        if isinstance(error, RptError) or is_out_of_memory(error):
            raise
        advice = f"raises an error when it is built ({described(error)}). Correct the code, or the options {key}.*."
        raise ConfigError.of(f"{key}._target_", component.target, advice) from error

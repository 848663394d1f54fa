"""Read the options of a constructor by importing it, if its source text alone does not list them."""

from __future__ import annotations

import inspect
import traceback
import typing
import warnings
from collections.abc import Collection
from types import UnionType
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    TypeAdapter,
    create_model,
)

from rpt.system.modules import load_object

STRICT = {bool: StrictBool, int: StrictInt, float: StrictFloat, str: StrictStr}
"""pydantic's strict type for each plain type. Plain values are not converted, but a list may become a tuple."""


class CannotImport(LookupError):
    """A `_target_` cannot be imported, or cannot be called with the arguments that rpt gives."""


def imported_signature(
    target: str, num_given: int, given_names: Collection[str], defaulted: Collection[str] = ()
) -> type[BaseModel]:
    """Import a constructor and build the schema of its options.

    Args:
        target: Dotted path of a class or function.
        num_given: Number of positional arguments that rpt gives to the constructor.
        given_names: Names of the keyword arguments that rpt gives to the constructor.
        defaulted: Names of the options that rpt sets if the configuration does not set them.

    Raises:
        CannotImport: The import fails, or the target cannot be called with these arguments.
    """
    function = _imported(target)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise CannotImport(f"has no signature that Python can read ({error})") from error
    kinds = inspect.Parameter
    positional = [
        parameter for parameter in parameters if parameter.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    if len(positional) < num_given and not any(parameter.kind == kinds.VAR_POSITIONAL for parameter in parameters):
        raise CannotImport(f"takes {len(positional)} positional arguments, and rpt gives {num_given}")
    hints = _hints(function)
    fields: dict[str, Any] = {}
    for parameter in parameters:
        is_given = (
            parameter in positional[:num_given] or parameter.name in given_names or parameter.name.startswith("_")
        )
        if is_given or parameter.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
            continue
        if parameter.kind == kinds.POSITIONAL_ONLY and parameter.default is kinds.empty:
            raise CannotImport(f"takes the positional argument {parameter.name}, which rpt does not give")
        default = None if parameter.name in defaulted else ...
        required = default if parameter.default is kinds.empty else parameter.default
        fields[parameter.name] = (_option_type(hints.get(parameter.name, Any)), required)
    is_open = any(parameter.kind == kinds.VAR_KEYWORD for parameter in parameters)
    config = ConfigDict(
        extra="allow" if is_open else "forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an option may have the name of a pydantic method
        return create_model(target.rpartition(".")[2], __config__=config, **fields)


def _imported(target: str) -> Any:
    try:
        function = load_object(target)
    except (Exception, SystemExit) as error:
        raise CannotImport(f"cannot be imported ({described(error)})") from error
    if not callable(function):
        raise CannotImport("is not a class or function")
    return function


def described(error: BaseException) -> str:
    """Describe an exception of a user's code in a line: type, message, and the file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{message}, in {frames[-1].filename}, line {frames[-1].lineno}" if frames else message


def _hints(function: Any) -> dict[str, Any]:
    """Return the types of a constructor's arguments, by name; empty if an annotation cannot be evaluated."""
    try:
        return typing.get_type_hints(function.__init__ if inspect.isclass(function) else function, include_extras=True)
    except Exception:  # an annotation may use a name that is imported for type checkers only
        return {}


def _option_type(annotation: Any) -> Any:
    """Return the type with which an option is checked; Any for a type that pydantic cannot check."""
    strict = _strict(annotation)
    try:
        TypeAdapter(strict, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:  # pydantic raises errors of several types
        return Any
    return strict


def _strict(annotation: Any) -> Any:
    """Make the plain types of an annotation strict, also inside a union."""
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        return typing.Union[tuple(_strict(part) for part in typing.get_args(annotation))]  # noqa: UP007
    return STRICT.get(annotation, annotation) if isinstance(annotation, type) else annotation

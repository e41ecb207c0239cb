"""A shape laid over values: what does not fit becomes problems in our words, each with its place."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gslb.config.document import Findings, Path, suggestion
from gslb.config.schema import Shape
from gslb.config.values import shown

S = TypeVar("S", bound=Shape)

_EXPECTED: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "string_type": lambda _: "must be text",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "bool_type": lambda _: "must be true or false",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a mapping",
    "model_type": lambda _: "must be a mapping",
    "literal_error": lambda context: f"must be {context['expected'].replace(chr(39), '')}",
    "greater_than": lambda context: f"must be more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "too_short": lambda _: "must not be empty",
    "too_long": lambda context: f"must have at most {context['max_length']} entries",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda context: f"must be at most {context['max_length']} characters long",
}


def validate(shape: type[S], value: object, path: Path, findings: Findings) -> S | None:
    """The value in its shape, or None after its problems were noted."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            _note(shape, fault, path, findings)
        return None


def _note(shape: type[Shape], fault: ErrorDetails, path: Path, findings: Findings) -> None:
    location = tuple(step for step in fault["loc"] if step != "[key]")
    context = fault.get("ctx", {})
    if fault["type"] == "missing":
        findings.problem(path + location, "is required")
    elif fault["type"] == "extra_forbidden":
        known = _keys_at(shape, location[:-1])
        findings.problem(path + location, "is not a known key", suggestion(str(location[-1]), known), key=True)
    elif fault["type"] == "value_error":
        findings.problem(path + location, str(context["error"]))
    else:
        found = fault["input"]
        hint = "write it in quotes" if fault["type"] == "string_type" and isinstance(found, (int, float)) else ""
        words = _EXPECTED.get(fault["type"])
        expected = words(context) if words else fault["msg"]
        findings.problem(path + location, f"{expected} (got {shown(found)})", hint)


def _keys_at(shape: type[BaseModel], location: Path) -> list[str]:
    """The keys that a shape has at a place inside it."""
    inner: type[BaseModel] | None = shape
    for step in location:
        fields = {} if inner is None else {field.alias or name: field for name, field in inner.model_fields.items()}
        if step in fields:
            inner = _shape_in(fields[str(step)].annotation)
    return [] if inner is None else [field.alias or name for name, field in inner.model_fields.items()]


def _shape_in(annotation: object) -> type[BaseModel] | None:
    """The shape inside a list, a mapping or an optional value."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for found in map(_shape_in, get_args(annotation)) if found), None)

"""What ``chapter.yml`` may say: one pydantic model a part of the file, unknown keys refused."""

import math
from collections import Counter
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from medtutor.course.declaration.explain import Wrong

Profile = Literal["quick", "lesson", "full"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
Kind = Literal["better_than", "no_worse_than", "close_to", "monotone_in", "exact"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Part = Literal[
    "start",
    "opening",
    "training_data",
    "loss_functions",
    "layers",
    "architectures",
    "input_data",
]
PARTS: tuple[Part, ...] = get_args(Part)
ParameterType = Literal["int", "float", "str", "bool", "ints", "floats", "strs"]
RESERVED = ("profile", "dataset")       # every chapter has them, none declares them


def _as_printed(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number or value is None or value == "unknown":
        return value
    raise Wrong(f"wanted a number as the paper prints it, unknown, or nothing, given {value!r}")


def _positive(value: Any) -> Any:
    if is_of_type(value, "float") and value > 0:
        return value
    raise Wrong(f"wanted a number > 0, given {value!r}")


def _at_least_zero(value: Any) -> Any:
    if is_of_type(value, "float") and value >= 0:
        return value
    raise Wrong(f"wanted a number >= 0, given {value!r}")


def _two_digits(value: Any) -> Any:
    if is_of_type(value, "int") and 0 <= value <= 99:
        return value
    raise Wrong(f"wanted a whole number from 0 to 99, given {value!r}")


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
Positive = Annotated[float, BeforeValidator(_positive)]
Text = Annotated[str, Field(min_length=1)]
Printed = Annotated[float | Literal["unknown"] | None, BeforeValidator(_as_printed)]


class Strict(BaseModel):
    """What all parts of the file share: nothing unknown, nothing coerced, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Paper(Strict):
    """The paper a chapter teaches: its key in ``references.bib`` and its DOI."""

    cite: Text
    doi: Text | None = None


class Printing(Strict):
    """Where the paper makes a claim, and the numbers it prints there."""

    where: Text
    method: Printed = None
    baseline: Printed = None
    quote: Text | None = None


class Measure(Strict):
    """What is measured, and what is compared with what."""

    metric: Text
    method: Text
    baseline: Text | None = None
    lower_is_better: bool = False


class Claim(Strict):
    """One sentence of the paper and how a run of the chapter judges it."""

    id: Name
    says: Text
    paper: Printing
    measure: Measure
    kind: Kind
    margin: Annotated[float, BeforeValidator(_at_least_zero)] = 0.0
    direction: Literal["increasing", "decreasing"] | None = None
    expected: float | None = None
    judge_from: Profile = "lesson"
    data: list[Text] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind in ("better_than", "no_worse_than") and self.measure.baseline is None:
            raise Wrong(f"wanted what {self.kind} compares with, given nothing", "measure.baseline")
        if (self.kind == "monotone_in") != (self.direction is not None):
            raise Wrong(
                f"wanted increasing or decreasing for monotone_in and nothing for other kinds, "
                f"given {self.direction!r} for {self.kind}",
                "direction",
            )
        judged_by_number = self.kind in ("close_to", "exact")
        if self.expected is not None and not judged_by_number:
            raise Wrong(f"wanted only for close_to and exact, given for {self.kind}", "expected")
        if judged_by_number and self.expected is None and self.measure.baseline is None:
            raise Wrong(
                f"wanted the number (or measure.baseline) that {self.kind} judges by, "
                "given neither",
                "expected",
            )
        if self.kind == "close_to" and self.margin == 0:
            raise Wrong("wanted a number > 0: how close is close_to, given 0", "margin")
        return self


class Data(Strict):
    """The data that every machine has, and the real sets one parameter away."""

    default: Text
    real: list[Name] = []


class Parameter(Strict):
    """A knob of the chapter: a value for each profile, and what it does in words."""

    type: ParameterType
    quick: Any
    lesson: Any
    full: Any
    help: Text

    @model_validator(mode="after")
    def _values_have_the_type(self) -> Self:
        for profile in PROFILES:
            given = getattr(self, profile)
            if not is_of_type(given, self.type):
                raise Wrong(f"wanted {TYPES_IN_WORDS[self.type]}, given {given!r}", profile)
        return self

    def value(self, profile: Profile) -> Any:
        """Return the value in one profile; a count of seeds N is given as 0 ... N - 1."""
        return expanded(getattr(self, profile), self.type)


class Budget(Strict):
    """What a run may cost on two CPU cores; more is an error."""

    seconds: Positive
    memory_gb: Positive
    gpu: bool = False


class Declaration(Strict):
    """All that ``chapter.yml`` says."""

    number: Annotated[int, BeforeValidator(_two_digits)]
    title: Text
    part: Part
    summary: Text
    paper: Paper | None = None
    needs: list[Name] = []
    method: list[Symbol] = []
    data: Data
    parameters: dict[Name, Parameter]
    budget: dict[Profile, Budget]
    claims: list[Claim] = []
    exercises: list[Name] = []
    draft: bool = False
    deterministic: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _no_twice("claims", [claim.id for claim in self.claims])
        _no_twice("exercises", self.exercises)
        _no_twice("method", self.method)
        for name in RESERVED:
            if name in self.parameters:
                raise Wrong(f"wanted another name, given {name!r}: every chapter has it already",
                            "parameters")
        if "seeds" not in self.parameters or self.parameters["seeds"].type != "ints":
            raise Wrong("wanted a parameter of type ints, given none", "parameters", "seeds")
        for profile in PROFILES:
            if profile not in self.budget:
                raise Wrong("wanted seconds and memory_gb, given nothing", "budget", profile)
        sets = ["default", *self.data.real]
        for claim in self.claims:
            for name in claim.data or []:
                if name not in sets:
                    raise Wrong(f"wanted some of {', '.join(sets)}, given {name!r}",
                                f"claims[{claim.id}]", "data")
        return self


TYPES_IN_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "ints": "a list of whole numbers, or a count",
    "floats": "a list of numbers",
    "strs": "a list of texts",
}


def is_of_type(value: Any, kind: str) -> bool:
    """Say whether a value fits a parameter's type. A bool is no number; an int is a float."""
    if kind.endswith("s"):
        if kind == "ints" and is_of_type(value, "int"):
            return bool(value >= 1)
        return isinstance(value, list) and all(is_of_type(item, kind[:-1]) for item in value)
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, int if kind == "int" else str)


def expanded(value: Any, kind: str) -> Any:
    """Return a value as the notebook gets it: counts as lists, floats as floats."""
    if kind == "ints" and isinstance(value, int):
        return list(range(value))
    if kind == "float":
        return float(value)
    return [float(item) for item in value] if kind == "floats" else value


def _no_twice(key: str, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise Wrong(f"wanted each name once, given {name!r} {count} times", key)

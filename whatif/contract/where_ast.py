"""The parts a row filter is made of: the only form in which a filter reaches the data."""

from __future__ import annotations

from dataclasses import dataclass

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A column; `at` is the position of its first character in the text, from 1."""

    name: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A constant: text, a number, true, false or null."""

    value: Value
    at: int


Operand = Name | Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """`left` op `right`, with op one of ``= != < <= > >=``."""

    op: str
    left: Operand
    right: Operand
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Column is one of `options` (`in`), or is none of them when `negated` (`not in`)."""

    column: Name
    options: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Column `is null`, or `is not null` when `negated`."""

    column: Name
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """`low` <= column <= `high`."""

    column: Name
    low: Operand
    high: Operand
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The opposite of `part`; unknown stays unknown."""

    part: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Every part holds (`and`)."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Any:
    """At least one part holds (`or`)."""

    parts: tuple[Expression, ...]


Expression = Name | Literal | Compare | Among | Missing | Between | Not | All | Any

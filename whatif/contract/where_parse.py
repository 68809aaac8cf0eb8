"""Row filters from text: a tokenizer and a recursive-descent parser of one small grammar.

::

    or_expr   = and_expr { "or" and_expr }
    and_expr  = not_expr { "and" not_expr }
    not_expr  = "not" not_expr | predicate
    predicate = operand [ compare operand | ["not"] "in" "(" literal { "," literal } ")"
              | "is" ["not"] "null" | "between" operand "and" operand ]
    operand   = name | literal | "(" or_expr ")"
    compare   = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    literal   = number | 'text' | "text" | "true" | "false" | "null"

Anything else is an error that names the place; nothing is passed on unparsed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from whatif.base.errors import Problem, UsageError
from whatif.contract.where_ast import (
    All,
    Among,
    Any,
    Between,
    Compare,
    Expression,
    Literal,
    Missing,
    Name,
    Not,
    Operand,
    Value,
)

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null", "between", "true", "false"})
MAX_LENGTH = 10_000
MAX_DEPTH = 60
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<name>[^\W\d]\w*(?:\.\w+)*)
    | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<op>==|!=|<>|<=|>=|=|<|>)
    | (?P<mark>[(),+-])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_SPELLINGS = {"==": "=", "<>": "!="}
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        return self.kind == "name" and self.text.lower() == word

    @property
    def is_column(self) -> bool:
        return self.kind == "name" and self.text.lower() not in KEYWORDS


def parse_where(text: str) -> Expression:
    """Return the row filter that `text` states.

    Parameters
    ----------
    text : str
        Names, numbers, quoted text, ``true false null``, ``= == != <> < <= > >=``, ``in``,
        ``not in``, ``is null``, ``is not null``, ``between``, ``and or not`` and parentheses.
        Keywords may have any case; column names may not.

    Raises
    ------
    UsageError
        If the text is anything else; the place is named.

    Examples
    --------
    >>> parse_where("not is_bot")
    Not(part=Name(name='is_bot', at=5))
    """
    if len(text) > MAX_LENGTH:
        raise refusal(f"the filter is longer than {MAX_LENGTH:,} characters", "shorten it.")
    parser = _Parser(_tokens(text))
    if parser.here.kind == "end":
        raise refusal("the filter is empty", "write a condition or delete the key.")
    expression = parser.either()
    parser.finish()
    return expression


def refusal(what: str, fix: str) -> UsageError:
    """Return the error for a filter that cannot be followed."""
    return UsageError(
        Problem(
            what=f"where: {what}.",
            why="a filter that is not fully understood could keep the wrong rows.",
            fix=fix,
        )
    )


def _tokens(text: str) -> list[_Token]:
    out: list[_Token] = []
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise _unexpected(text[start], start + 1)
        kind = str(found.lastgroup)
        out.append(_Token(kind=kind, text=found.group(kind), at=found.start(kind) + 1))
        at = found.end()
        if kind == "end":
            return out


_HINTS = {
    "'": "close the quote; a quote inside text is written twice: 'it''s'.",
    '"': "close the quote.",
    "&": "write `and`.",
    "|": "write `or`.",
    "!": "write `not`, or `!=`.",
    "between": "put `not` before the whole condition: not hour between 8 and 18.",
    "`": "write column names bare.",
    "(": "functions are not part of a filter; compute the column beforehand.",
    "-": "a minus may only stand directly before a number; there is no arithmetic.",
    "+": "a plus may only stand directly before a number; there is no arithmetic.",
}


def _unexpected(text: str, at: int) -> UsageError:
    return refusal(
        f"unexpected {text!r} at character {at}" if text else "the filter ends too early",
        _HINTS.get(
            text.lower() if text.lower() in _HINTS else text[:1],
            "use column names, constants, = != < <= > >=, in, not in, is null, is not null, "
            "between, and, or, not and parentheses.",
        ),
    )


class _Parser:
    """One pass over the tokens; each method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    @property
    def here(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self.here
        self._at += 1
        return token

    def _takes(self, word: str) -> bool:
        if not self.here.is_word(word):
            return False
        self._at += 1
        return True

    def _expect(self, kind: str, text: str) -> None:
        token = self.here
        if token.kind != kind or token.text.lower() != text:
            raise _unexpected(token.text, token.at)
        self._at += 1

    def finish(self) -> None:
        """Raise unless every token was read."""
        if self.here.kind == "op":
            raise refusal(
                f"a second comparison at character {self.here.at} ({self.here.text!r})",
                "join comparisons with `and`, or use `between`.",
            )
        if self.here.kind != "end":
            raise _unexpected(self.here.text, self.here.at)

    def either(self) -> Expression:
        """Read parts joined by `or`."""
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Any(parts=tuple(parts))

    def _both(self) -> Expression:
        parts = [self._negated()]
        while self._takes("and"):
            parts.append(self._negated())
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _negated(self) -> Expression:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refusal(f"more than {MAX_DEPTH} nested parts", "simplify the filter.")
        part = Not(part=self._negated()) if self._takes("not") else self._predicate()
        self._depth -= 1
        return part

    def _predicate(self) -> Expression:
        left = self._operand()
        token = self.here
        if token.kind == "op":
            self._next()
            return _comparison(token, _plain(left, token), _plain(self._operand(), token))
        if token.is_word("in"):
            self._next()
            return Among(column=_column(left, token), options=self._list(), negated=False)
        if token.is_word("is"):
            self._next()
            negated = self._takes("not")
            self._expect("name", "null")
            return Missing(column=_column(left, token), negated=negated)
        if token.is_word("between"):
            self._next()
            return self._between(_column(left, token), token)
        if token.is_word("not"):
            self._next()
            self._expect("name", "in")
            return Among(column=_column(left, token), options=self._list(), negated=True)
        if isinstance(left, Literal) and not isinstance(left.value, bool | None):
            raise refusal(f"a constant alone at character {left.at}", "compare it with a column.")
        return left

    def _between(self, column: Name, token: _Token) -> Between:
        low = _plain(self._operand(), token)
        self._expect("name", "and")
        return Between(column=column, low=low, high=_plain(self._operand(), token), at=token.at)

    def _list(self) -> tuple[Literal, ...]:
        self._expect("mark", "(")
        values = [self._literal()]
        while self.here.kind == "mark" and self.here.text == ",":
            self._next()
            values.append(self._literal())
        self._expect("mark", ")")
        return tuple(values)

    def _operand(self) -> Expression:
        token = self.here
        if token.kind == "mark" and token.text == "(":
            self._next()
            inside = self.either()
            self._expect("mark", ")")
            return inside
        if token.is_column:
            self._next()
            return Name(name=token.text, at=token.at)
        return self._literal()

    def _literal(self) -> Literal:
        token = self._next()
        if token.kind == "text":
            quote = token.text[0]
            return Literal(value=token.text[1:-1].replace(quote * 2, quote), at=token.at)
        if token.kind == "number":
            return Literal(value=_number(token), at=token.at)
        if token.kind == "mark" and token.text in "+-" and self.here.kind == "number":
            number = _number(self._next())
            return Literal(value=-number if token.text == "-" else number, at=token.at)
        if token.kind == "name" and token.text.lower() in _CONSTANTS:
            return Literal(value=_CONSTANTS[token.text.lower()], at=token.at)
        raise _unexpected(token.text, token.at)


def _number(token: _Token) -> int | float:
    if token.text.isdigit() and int(token.text) < 2**63:
        return int(token.text)
    value = float(token.text)
    if not math.isfinite(value):
        raise refusal(f"the number at character {token.at} is too large", "write a smaller one.")
    return value


def _plain(part: Expression, token: _Token) -> Operand:
    if isinstance(part, Name | Literal):
        return part
    raise refusal(
        f"{token.text!r} at character {token.at} compares a condition, not a column or constant",
        "join conditions with `and` or `or`.",
    )


def _column(part: Expression, token: _Token) -> Name:
    if isinstance(part, Name):
        return part
    raise refusal(
        f"{token.text!r} at character {token.at} needs a column on its left",
        "write the column name bare, before it.",
    )


def _comparison(token: _Token, left: Operand, right: Operand) -> Compare:
    if isinstance(left, Literal) and isinstance(right, Literal):
        raise refusal(
            f"{token.text!r} at character {token.at} compares two constants",
            "write column names bare, without quotes.",
        )
    return Compare(op=_SPELLINGS.get(token.text, token.text), left=left, right=right, at=token.at)

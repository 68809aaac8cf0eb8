"""A small layered layout for the causal graph: columns from cause to effect, few crossings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[str, str]
_ROW = 34
_GAP = 54
_NODE_HEIGHT = 24
_CHARACTER = 7.2
_LONGEST_LABEL = 22
_SWEEPS = 6
_MARGIN = 6
_HEAD = "m-5-3l5 3-5 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box of the drawing; `full` differs from `label` where the name was too long."""

    full: str
    label: str
    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> int:
        """Where the label is centred."""
        return self.x + self.width // 2

    @property
    def outline(self) -> str:
        """The box as SVG path data."""
        return f"M{self.x} {self.y}h{self.width}v{self.height}h-{self.width}z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Boxes, arrows and their heads (as SVG path data), and the size of the whole."""

    nodes: tuple[Node, ...]
    curves: tuple[str, ...]
    heads: str
    width: int
    height: int


def draw(edges: Sequence[Edge], extra: Sequence[str] = ()) -> Drawing:
    """Lay out a directed acyclic graph from left to right.

    Nodes stand one column right of their last cause; sources move right, next to their first
    effect. An arrow over several columns bends around what stands between. The result depends
    only on the names.

    Parameters
    ----------
    edges : sequence of (str, str)
        Arrows.
    extra : sequence of str
        Nodes without arrows.

    Raises
    ------
    ValueError
        If the arrows form a cycle.
    """
    names = sorted({node for edge in edges for node in edge} | set(extra))
    layer = _layers(names, edges)
    chains = [_chain(a, b, layer) for a, b in sorted(set(edges))]
    columns = _columns(names, layer, chains)
    links = [pair for chain in chains for pair in pairwise(chain)]
    for sweep in range(_SWEEPS):
        _sweep(columns, links, forward=sweep % 2 == 0)
    return _place(names, columns, chains)


def _layers(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    causes: dict[str, set[str]] = {name: set() for name in names}
    for cause, effect in edges:
        causes[effect].add(cause)
    layer: dict[str, int] = {}
    while len(layer) < len(names):
        ready = [n for n in names if n not in layer and causes[n] <= layer.keys()]
        if not ready:
            raise ValueError("The arrows form a cycle.")
        layer.update({n: 1 + max((layer[c] for c in causes[n]), default=-1) for n in ready})
    for name in names:
        effects = [layer[b] for a, b in edges if a == name]
        if not causes[name] and effects:
            layer[name] = min(effects) - 1
    return layer


def _chain(cause: str, effect: str, layer: Mapping[str, int]) -> tuple[str, ...]:
    """Return the arrow as a path with one invisible stop per column it crosses."""
    stops = (f"\0{cause}\0{effect}\0{i}" for i in range(layer[cause] + 1, layer[effect]))
    return (cause, *stops, effect)


def _columns(
    names: Sequence[str], layer: Mapping[str, int], chains: Sequence[tuple[str, ...]]
) -> list[list[str]]:
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name in names:
        columns[layer[name]].append(name)
    for chain in chains:
        for offset, stop in enumerate(chain[1:-1], start=1):
            columns[layer[chain[0]] + offset].append(stop)
    return columns


def _sweep(columns: list[list[str]], links: Sequence[Edge], *, forward: bool) -> None:
    """Sort every column by the mean place of its neighbours in the column before (or after)."""
    order = range(1, len(columns)) if forward else range(len(columns) - 2, -1, -1)
    for index in order:
        other = columns[index - 1] if forward else columns[index + 1]
        place = {name: i - (len(other) - 1) / 2 for i, name in enumerate(other)}
        here = {name: i - (len(columns[index]) - 1) / 2 for i, name in enumerate(columns[index])}
        near: dict[str, list[float]] = {name: [] for name in columns[index]}
        for a, b in links:
            mine, theirs = (b, a) if forward else (a, b)
            if mine in near and theirs in place:
                near[mine].append(place[theirs])
        rank = {n: sum(at) / len(at) if at else here[n] for n, at in near.items()}
        columns[index].sort(key=rank.__getitem__)


def _place(
    names: Sequence[str], columns: Sequence[Sequence[str]], chains: Sequence[tuple[str, ...]]
) -> Drawing:
    real = set(names)
    widths = [max((_width(n) for n in column if n in real), default=0.0) for column in columns]
    height = max((len(column) for column in columns), default=1) * _ROW
    boxes: dict[str, Node] = {}
    stops: dict[str, tuple[float, float, float]] = {}
    x = float(_MARGIN)
    for column, width in zip(columns, widths, strict=True):
        top = _MARGIN + (height - len(column) * _ROW) / 2
        for i, name in enumerate(column):
            y = top + i * _ROW + _ROW / 2
            stops[name] = (x, x + width, y)
            if name in real:
                boxes[name] = _node(name, x, y, width)
        x += width + _GAP
    curves = tuple(_curve([stops[stop] for stop in chain]) for chain in chains)
    ends = dict.fromkeys(chain[-1] for chain in chains)
    heads = "".join(f"M{stops[end][0]:.0f} {stops[end][2]:.0f}{_HEAD}" for end in ends)
    return Drawing(
        nodes=tuple(boxes[name] for name in names),
        curves=curves,
        heads=heads,
        width=round(x - _GAP + _MARGIN),
        height=round(height + 2 * _MARGIN),
    )


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"


def _width(name: str) -> float:
    return 18 + _CHARACTER * len(_label(name))


def _node(name: str, x: float, y: float, width: float) -> Node:
    return Node(
        full=name,
        label=_label(name),
        x=round(x),
        y=round(y - _NODE_HEIGHT / 2),
        width=round(width),
        height=_NODE_HEIGHT,
    )


def _curve(stops: Sequence[tuple[float, float, float]]) -> str:
    """Return path data through the stops: flat across a column, curved between columns."""
    right, y = round(stops[0][1]), round(stops[0][2])
    parts = [f"M{right} {y}"]
    for left, far, height in stops[1:]:
        wide, tall = round(left) - right, round(height) - y
        bend = wide // 2
        parts.append(f"c{bend} 0 {bend} {tall} {wide} {tall}".replace(" -", "-"))
        if (left, far, height) != stops[-1]:
            parts.append(f"H{far:.0f}")
        right, y = round(far), round(height)
    return "".join(parts)

"""Tables behind charts: a few of their figures, for those who do not see them."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from demo.ui.charts import thinned

_POINTS = 8
_ROWS, _COLUMNS = 6, 8


def table_of(figure: go.Figure) -> str:
    """What a chart shows as a table in HTML, folded away: some points of each line, or a map."""
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    return _folded(_of_map(figure, maps[0]) if maps else _of_lines(figure))


def table_with(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same for a chart whose points say less than what they stand for.

    Args:
        titles: of the columns.
        rows: each with its title first.
    """
    body = "".join(_row(title, map(escape, cells)) for title, *cells in rows)
    return _folded(f"<thead>{_head(titles)}</thead><tbody>{body}</tbody>")


def _folded(table: str) -> str:
    return (
        '<details><summary>As a table</summary><div class="compare-table" role="region" '
        f'aria-label="The chart as a table" tabindex="0"><table>{table}</table></div></details>'
    )


def _of_lines(figure: go.Figure) -> str:
    x_axis, y_axis = figure.layout.xaxis, figure.layout.yaxis
    titles = (axis.title.text or "Value" for axis in (x_axis, y_axis))
    rows = (
        _row(trace.name, (_written(x, x_axis), f"{y:{y_axis.hoverformat or ',.2f'}}"))
        for trace in figure.data
        if trace.name
        for x, y in thinned(list(_points(trace)), _POINTS)
    )
    return f"<thead>{_head(('', *titles))}</thead><tbody>{''.join(rows)}</tbody>"


def _points(trace: Any) -> Iterator[tuple[float, float]]:
    """Of a line; of an outline, which goes there and back, the way back."""
    values = _array(trace.y).tolist()
    places = list(range(len(values))) if trace.x is None else _array(trace.x).tolist()
    if trace.fill == "toself":
        half = len(values) // 2
        places, values = places[half:][::-1], values[half:][::-1]
    return zip(places, values, strict=True)


def _of_map(figure: go.Figure, trace: Any) -> str:
    """Means over a coarse grid, in the order of the rows."""
    values = _array(trace.z)
    rows, columns = (
        np.array_split(np.arange(size), min(size, most))
        for size, most in zip(values.shape, (_ROWS, _COLUMNS), strict=True)
    )
    y_title, y_start, y_step = _scale(figure.layout.yaxis, "Down", trace.y0, trace.dy, len(values))
    x_title, x_start, x_step = _scale(
        figure.layout.xaxis, "Across", trace.x0, trace.dx, values.shape[1]
    )
    x_axis, y_axis = figure.layout.xaxis, figure.layout.yaxis
    starts = (_written(x_start + x_step * column[0], x_axis) for column in columns)
    head = _head((f"{y_title} / {x_title}", *starts))
    body = "".join(
        _row(
            _written(y_start + y_step * row[0], y_axis),
            (f"{values[np.ix_(row, column)].mean():,.0f}" for column in columns),
        )
        for row in rows
    )
    unit = escape(trace.colorbar.title.text or "")
    return f"<caption>{unit}, means</caption><thead>{head}</thead><tbody>{body}</tbody>"


def _array(values: Any) -> NDArray[np.float64]:
    """Of a figure's values; one that came from a worker has them as text."""
    if not isinstance(values, dict):
        return np.asarray(values, np.float64)
    flat = np.frombuffer(b64decode(values["bdata"]), values["dtype"]).astype(np.float64)
    shape = values.get("shape", "-1")
    return flat.reshape([int(size) for size in str(shape).split(",")])


def _scale(
    axis: Any, name: str, start: float | None, step: float | None, count: int
) -> tuple[str, float, float]:
    """Title, start and step of an axis of a map; those without numbers count percent."""
    title = axis.title.text or name
    return (title, start or 0, step) if step else (f"{title} in %", 0, 100 / count)


def _head(titles: Sequence[str]) -> str:
    cells = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    return f"<tr>{cells}</tr>"


def _row(title: str, cells: Iterable[str]) -> str:
    filled = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(title)}</th>{filled}</tr>'


def _written(value: float, axis: Any) -> str:
    """As its axis has it; else up to two digits after the point, none that say nothing."""
    if axis.hoverformat:
        return f"{value:{axis.hoverformat}}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")

"""What came of each file: rows that outlive the run, and one table of them in the end."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from combiner_core.batch.places import Place
from combiner_core.errors import CombinerError

TEXT, PARQUET = "results.jsonl", "results.parquet"
_PART_ROWS = 1000
_FLUSH_S = 1.0
_GROUP_ROWS = 10_000


@dataclass(frozen=True)
class Row:
    """What came of one file.

    Attributes:
        name: of the file within the batch.
        source: where it was read.
        output: of what was written, below the folder of outputs; None if nothing was.
        source_bytes, bytes: sizes of the file read and the file written.
        psnr_db: of what is decoded; None for decoding, and where nothing is lost.
        seconds: it took a worker.
        model: name of the preset.
        notes: sentences on what of the source was left out.
        error: the sentence that says why there is no output.
    """

    name: str
    source: str
    output: str | None = None
    source_bytes: int | None = None
    bytes: int | None = None
    psnr_db: float | None = None
    seconds: float = 0.0
    model: str | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None


class Journal:
    """Rows on disk at most about a second after they came, in parts that appear whole.

    Args:
        folder: of the parts; several runs may write to it.
    """

    def __init__(self, folder: Place) -> None:
        self._folder = folder
        self._prefix = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        self._number, self._rows = 0, list[str]()
        self._written, self._written_at = 0, time.monotonic()

    def add(self, row: Row) -> None:
        """Keep a row.

        Raises:
            SignalError: it cannot be written.
        """
        self._rows.append(json.dumps(asdict(row)) + "\n")
        full = len(self._rows) == _PART_ROWS
        if full or time.monotonic() - self._written_at >= _FLUSH_S:
            self.flush()
        if full:
            self._number, self._rows, self._written = self._number + 1, [], 0

    def flush(self) -> None:
        """Write what is not written yet.

        Raises:
            SignalError: it cannot be written.
        """
        if self._written == len(self._rows):
            return
        part = self._folder.below(f"{self._prefix}-{self._number:06}.jsonl")
        part.write("".join(self._rows).encode())
        self._written, self._written_at = len(self._rows), time.monotonic()


def read_rows(folder: Place) -> Iterator[Row]:
    """The rows of all journals of a folder, in the order of the runs.

    Raises:
        CombinerError: a part is damaged.
    """
    if not folder.exists():
        return
    names = sorted(
        str(about["name"]).rpartition("/")[2] for about in folder.files.ls(folder.path, detail=True)
    )
    known = {field.name for field in fields(Row)}
    for name in names:
        if not name.endswith(".jsonl"):
            continue
        try:
            for line in folder.below(name).read().decode().splitlines():
                found = {key: value for key, value in json.loads(line).items() if key in known}
                yield Row(**found | {"notes": tuple(found["notes"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CombinerError(f"The record {name} of an earlier run is damaged.") from error


def write_tables(rows: Iterable[Row], folder: Place) -> tuple[str, ...]:
    """Write rows as JSON Lines, and as Parquet where pyarrow is installed.

    Args:
        rows: few of which are in memory at a time.
        folder: where.

    Returns:
        The names of the files.

    Raises:
        SignalError: they cannot be written.
    """
    schema = _schema()
    with folder.below(TEXT).appearing() as text:
        if schema is None:
            for row in rows:
                text.write(_text(row))
            return (TEXT,)
        from pyarrow import RecordBatch, parquet

        with (
            folder.below(PARQUET).appearing() as stream,
            parquet.ParquetWriter(stream, schema, compression="zstd") as table,
        ):
            for group in _groups(rows):
                text.write(b"".join(map(_text, group)))
                table.write_batch(RecordBatch.from_pylist(list(map(asdict, group)), schema))
    return TEXT, PARQUET


def _schema() -> Any:
    try:
        import pyarrow as pa
    except ImportError:
        return None
    types = {
        "name": pa.string(),
        "source": pa.string(),
        "output": pa.string(),
        "source_bytes": pa.int64(),
        "bytes": pa.int64(),
        "psnr_db": pa.float64(),
        "seconds": pa.float64(),
        "model": pa.string(),
        "notes": pa.list_(pa.string()),
        "error": pa.string(),
    }
    return pa.schema([(field.name, types[field.name]) for field in fields(Row)])


def _text(row: Row) -> bytes:
    return (json.dumps(asdict(row)) + "\n").encode()


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == _GROUP_ROWS:
            yield group
            group = []
    yield group

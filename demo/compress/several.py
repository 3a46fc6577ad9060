"""Several files at once: those that were chosen, how far each is, all results as a zip."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import gradio as gr

from combiner_core.signals import Kind, write_atomically
from demo.compress.job_panel import PHASES
from demo.jobs import MAX_FILES, BatchItem, BatchView, JobView
from demo.media import bytes_text, psnr_text
from demo.settings import Settings
from demo.ui import status
from demo.ui.parts import Updates

_SCRIPT = Path(__file__).with_name("several.js")
_NOUNS: Mapping[Kind, str] = MappingProxyType({"image": "pictures", "audio": "clips"})
_PER: Mapping[Kind, str] = MappingProxyType({"image": "pixel", "audio": "second"})
_STATES: Mapping[str, str] = MappingProxyType(
    {"waiting": "waits", "stopped": "stopped", "running": "begins"}
)
_LONGEST_NAME, _LONGEST_REASON = 80, 200
_NAMED = 4
_TOO_MANY = f"At most {MAX_FILES} files are taken at once."
_NOT_THERE = "It did not arrive."


@dataclass(frozen=True)
class Chosen:
    """Files that were chosen: several together, one alone, or one that was refused.

    Attributes:
        paths: of several that arrived, as the page names them; the first is shown.
        refused: names of the others, and why.
        shown: the first one, or the only one, as the input names it.
        taken: whether a run began since.
    """

    paths: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    shown: str | None = None
    taken: bool = False

    @classmethod
    def of(cls, files: object) -> Chosen:
        """What a browser says was chosen: any value."""
        entries = files if isinstance(files, list) else []
        paths: list[str] = []
        refused = []
        for entry in entries[: 4 * MAX_FILES]:
            fields = entry if isinstance(entry, dict) else {}
            name, path, error = (fields.get(key) for key in ("name", "path", "error"))
            reason = error[:_LONGEST_REASON] if isinstance(error, str) else _NOT_THERE
            if isinstance(path, str) and len(paths) < MAX_FILES:
                paths.append(path)
            else:
                reason = _TOO_MANY if isinstance(path, str) else reason
                refused.append((str(name)[:_LONGEST_NAME], reason))
        return cls(tuple(paths), tuple(refused))

    @classmethod
    def of_no_use(cls, path: str, reason: str) -> Chosen:
        """A file alone that cannot be used."""
        return cls().without(path, reason)

    @property
    def text(self) -> str:
        """What Compress would take; empty if that is nothing."""
        if len(self.paths) > 1:
            return f"{len(self.paths)} files"
        return Path(self.shown).name if self.shown else ""

    @property
    def refusal(self) -> str:
        """What was refused and why in a sentence, until a run begins; empty if nothing was."""
        if self.taken or not self.refused:
            return ""
        if len(self.refused) > 1:
            names = [name for name, _ in self.refused]
            others = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
            return f"{len(names)} files cannot be used: {', '.join(names[:_NAMED])}{others}."
        ((name, reason),) = self.refused
        return reason if name in reason else f"{name} cannot be used: {reason}"

    def without(self, path: str, reason: str) -> Chosen:
        """The same, when one of them turned out to be of no use."""
        others = tuple(each for each in self.paths if each != path)
        return replace(self, paths=others, refused=(*self.refused, _refused(path, reason)))

    def are_shown_by(self, path: str | None) -> bool:
        """Whether a file that is shown stands for all of these."""
        return len(self.paths) > 1 and self.shown is not None and path == self.shown


def _refused(path: str, reason: str) -> tuple[str, str]:
    """A file that is of no use, as `Chosen` has it."""
    return Path(path).name[:_LONGEST_NAME], reason


class Several:
    """The list of a tab, in the current context; its ids begin with the kind of signal.

    Args:
        kind: of signals.
        settings: of the app.

    Attributes:
        list: tells by the event `files` what was chosen, and by `show` which run to look at.
    """

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self._kind = kind
        largest = f"{settings.max_upload_mb:g} MB, the most that is accepted here."
        with gr.Column(elem_classes="several-box", elem_id=f"{kind}-several"):
            self.list = gr.HTML(
                "",
                js_on_load=_SCRIPT.read_text("utf-8"),
                kind=kind,
                largest=largest,
                largest_bytes=settings.max_upload_bytes,
                elem_id=f"{kind}-list",
            )
            self._zip = gr.DownloadButton(
                "Download all", size="sm", visible=False, elem_id=f"{kind}-zip"
            )

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `update` sets."""
        return [self.list, self._zip]

    @staticmethod
    def contents(batch: BatchView) -> str:
        """What of a batch changes its list, in short."""
        return "".join(_row(item, is_shown=False) for item in batch.items)

    def update(
        self, batch: BatchView | None, chosen: Chosen, shown_id: str, drawn: str
    ) -> tuple[Updates, str]:
        """Show what is new.

        Args:
            batch: that was asked for last.
            chosen: what Compress would take.
            shown_id: the run that is looked at.
            drawn: what is on the screen already, in short.

        Returns:
            updates, and what is on the screen then.
        """
        html = self._html(batch, chosen, shown_id)
        if html == drawn:
            return {}, drawn
        updates: Updates = {self.list: html}
        results = batch.results if batch is not None else []
        updates[self._zip] = gr.update(visible=False)
        if results:
            outcomes = [view.outcome for view in results if view.outcome is not None]
            content = zipped([each.compressed for each in outcomes])
            path = outcomes[0].compressed.with_name(f"combiner-{_NOUNS[self._kind]}.zip")
            write_atomically(path, content)
            count = "the result" if len(results) == 1 else f"all {len(results)} results"
            label = f"Download {count} (.zip, {bytes_text(len(content))})"
            updates[self._zip] = gr.update(visible=True, value=str(path), label=label)
        return updates, html

    def _html(self, batch: BatchView | None, chosen: Chosen, shown_id: str) -> str:
        noun, rows = _NOUNS[self._kind], []
        if batch is not None:
            rows = [_row(item, item.job_id == shown_id) for item in batch.items]
            headline = f"{len(batch.results)} of {len(batch.items)} {noun} done"
            note = "Choose one to look at it."
            if chosen.paths and _names(chosen) != [item.name for item in batch.items]:
                note = f"{len(chosen.paths)} others are chosen: Compress takes them next."
        elif len(chosen.paths) + len(chosen.refused) > 1:
            rows = [_line(name, "chosen") for name in _names(chosen)]
            count = len(chosen.paths) + len(chosen.refused)
            of = f" of {count}" if chosen.refused else ""
            headline = f"{len(chosen.paths)}{of} {noun} chosen"
            note = (
                "Compress takes them all. A purpose gives each a size of its own; your own size is "
                f"for the first, and the others get as many bytes for each {_PER[self._kind]}."
            )
        else:
            return ""
        rows += [_line(name, reason, "failed") for name, reason in chosen.refused]
        return (
            f'<section class="several" aria-label="Your {noun}"><p><strong>{headline}</strong> '
            f'<span>{escape(note)}</span></p><div class="several-rows" tabindex="0" role="group" '
            f'aria-label="List of {noun}"><table><thead><tr><th>File</th><th>State</th>'
            f"<th>Size</th><th>PSNR</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
            "</div></section>"
        )


def batch_panel(batch: BatchView, refusal: str = "") -> str:
    """The status of a batch whose shown run is over while others are not."""
    done, count = sum(item.ended for item in batch.items), len(batch.items)
    running = [item for item in batch.items if item.view is not None and not item.ended]
    fraction = (done + sum(each.view.fraction for each in running if each.view)) / count
    note = f"now {running[0].name}" if running else ""
    headline = f"{done} of {count} done"
    return status.panel("running", headline, note=note, fraction=fraction, refusal=refusal)


def run_name(view: JobView, batch: BatchView | None) -> str:
    """What the status calls a run of several, of which each has another file."""
    if batch is None or len(batch.items) < 2:
        return ""
    return next((item.name for item in batch.items if item.job_id == view.id), "")


def zipped(files: Iterable[Path]) -> bytes:
    """Files in a zip, under their names; those that are taken already get a number."""
    stream, taken = BytesIO(), set()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            stem, number = file.stem.replace("\\", "_"), 1
            name = f"{stem}{file.suffix}"
            while name.casefold() in taken:
                number += 1
                name = f"{stem}-{number}{file.suffix}"
            taken.add(name.casefold())
            archive.writestr(name, file.read_bytes())
    return stream.getvalue()


def _names(chosen: Chosen) -> list[str]:
    return [Path(path).name for path in chosen.paths]


def _row(item: BatchItem, is_shown: bool) -> str:
    view = item.view
    if item.error or view is None:
        is_gone = not item.error and item.job_id
        state = item.error or ("no longer kept" if is_gone else "waits")
        return _line(item.name, state, "failed" if item.error else "waiting")
    if view.error:
        return _line(item.name, view.error, "failed")
    if view.outcome is not None:
        figures = (f"{view.outcome.bytes_count:,} bytes", psnr_text(view.outcome.psnr_db))
        return _line(item.name, "done", "done", figures, item.job_id, is_shown)
    state = _STATES[view.state]
    if view.state == "running" and view.progress is not None:
        state = f"{PHASES[view.progress.phase].lower()}, {10 * int(10 * view.fraction)} %"
    return _line(item.name, state, view.state, ("", ""), item.job_id, is_shown)


def _line(
    name: str,
    state: str,
    kind: str = "waiting",
    figures: tuple[str, ...] = (),
    job_id: str = "",
    is_shown: bool = False,
) -> str:
    cell = escape(name)
    if job_id:
        pressed = str(is_shown).lower()
        cell = (
            f'<button type="button" data-job="{escape(job_id)}" aria-pressed="{pressed}">'
            f"{cell}</button>"
        )
    span = "" if figures else ' colspan="3"'
    cells = "".join(f"<td>{escape(text)}</td>" for text in figures)
    return (
        f'<tr data-state="{kind}"><th scope="row">{cell}</th><td{span}>{escape(state)}</td>'
        f"{cells}</tr>"
    )

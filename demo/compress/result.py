"""The result of a run on the screen: comparison, table, prefix of the file, downloads."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
import plotly.graph_objects as go

import combiner_core as cc
from combiner_core.signals import Kind
from combiner_core.signals.storage import read_content
from demo.baselines import OURS, Entry, Looks
from demo.codecs import CODECS, family_of, label
from demo.compress import codec_table
from demo.compress.report import write_report
from demo.jobs import JobQueue, JobView, Outcome
from demo.media import ORIGINAL, SUFFIXES
from demo.settings import Settings
from demo.ui import parts
from demo.ui.compare import AudioComparison, Blend, ImageComparison, Variant
from demo.ui.legends import RATE_WORDS
from demo.ui.parts import MODELS, Updates
from demo.visitors import Listener
from demo.work import UNSURE, Decode, Part, Source

_LINK = Path(__file__).with_name("link.js")
# Of a phone, on which they stand below what is seen.
_BACK = '<button type="button" data-back>To the file and its settings</button>'


@dataclass(frozen=True)
class Prefix:
    """The first part of a run's file, decoded.

    Attributes:
        job_id: the run.
        variant: as it takes part in the comparison.
        figures: charts of the original and this, if they are clips.
    """

    job_id: str
    variant: Variant
    figures: tuple[go.Figure, ...]


class ResultView:
    """The components of a result, in the current context.

    Args:
        kind: of the signal; ids of elements begin with it.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        with gr.Column(visible=False, elem_id=f"{kind}-result", elem_classes="job-result") as box:
            self._box = box
            name = f"{kind}-compare"
            self._comparison: ImageComparison | AudioComparison = (
                ImageComparison(name) if kind == "image" else AudioComparison(name)
            )
            with gr.Row():
                self._downloads = [
                    gr.DownloadButton(text, elem_id=f"{kind}-{name}")
                    for name, text in (
                        ("download", "Download .cmb"),
                        ("download-decoded", "Download decoded"),
                        ("download-report", "Download report"),
                    )
                ]
            self._link = gr.HTML(
                js_on_load=_LINK.read_text("utf-8"), elem_id=f"{kind}-link", elem_classes="job-link"
            )
            self._table = gr.HTML(elem_id=f"{kind}-table")
            self.percent = parts.prefix_slider(f"{kind}-percent")
            self.companion = gr.Button(elem_id=f"{kind}-companion", size="sm")
            self._note = gr.HTML(elem_id=f"{kind}-companion-note", elem_classes="job-note")
        # The slider is not set by what shows results: that would make another one of it, for which
        # a number out of its range is an error.
        self._shown_id = gr.Textbox(visible="hidden", label="Shown", elem_id=f"{kind}-shown")
        # At once, by the page itself: an answer of the server would undo what is moved meanwhile.
        self._shown_id.change(None, None, self.percent, js="() => 100")

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `update` sets."""
        return [
            self._box,
            *self._comparison.outputs,
            self._shown_id,
            *self._downloads,
            self._link,
            self._table,
            self.companion,
            self._note,
        ]

    def empty(self) -> Updates:
        """No result."""
        return {self._box: gr.update(visible=False)}

    @staticmethod
    def contents(view: JobView, prefix: Prefix | None = None) -> str:
        """What of a run changes its result on the screen, in short."""
        comparison, companion = view.comparison, view.companion
        about = [view.id, len(comparison.entries), len(comparison.failures), comparison.complete]
        about.append(comparison.looks is not None)
        about.append(prefix.variant.name if prefix is not None else "")
        if companion is not None:
            progress = f"{companion.fraction:.2f}"
            about += [companion.state, progress, companion.comparison.complete]
        return " ".join(map(str, about))

    def update(self, view: JobView, drawn: str, prefix: Prefix | None) -> tuple[Updates, str]:
        """Show what is new of a result.

        Args:
            view: the run as it stands.
            drawn: what is on the screen already, in short.
            prefix: the part of the file that was asked for.

        Returns:
            updates, and what is on the screen then.
        """
        outcome = view.outcome
        if outcome is None:
            return self.empty() if drawn else {}, ""
        if prefix is not None and prefix.job_id != view.id:
            prefix = None
        seen = self.contents(view, prefix)
        if seen == drawn:
            return {}, drawn
        updates: Updates = {self._box: gr.update(visible=True)}
        if not drawn.startswith(view.id):
            updates[self._shown_id] = view.id
            updates[self._link] = (
                f'<p><a href="?{self._kind}={view.id}">The address of this result</a> '
                '<button type="button" data-copy>Copy</button> can be shared as long as the '
                "server keeps it: who has it can see and download all of this.</p>"
                f"{_details(outcome)}{_BACK}"
            )
        updates |= self._compare(view, outcome, prefix)
        updates |= self._offer(view, outcome, prefix)
        updates[self._table] = _table(view, outcome)
        updates |= self._describe_companion(view)
        return updates, seen

    def _compare(self, view: JobView, outcome: Outcome, prefix: Prefix | None) -> Updates:
        screens, looks = _texts(outcome.screens), view.comparison.looks
        judged = view.comparison.entries.get(OURS)
        ours = Variant(
            _model_name(view),
            str(outcome.decoded),
            outcome.bytes_count,
            outcome.psnr_db,
            self._seen(judged),
            screen=screens[1],
            blend=_blend(looks) if looks else None,
        )
        variants = [Variant(ORIGINAL, str(outcome.original), screen=screens[0]), ours]
        if looks is not None:
            most = f"white: off by about {looks.most_levels:.0f} of 255 levels"
            variants.append(Variant(UNSURE, str(looks.unsure), note=most))
        companion = view.companion
        if companion is not None and companion.outcome is not None:
            other = companion.outcome
            name, path = _model_name(companion), str(other.decoded)
            judged = companion.comparison.entries.get(OURS)
            variants.append(
                Variant(name, path, other.bytes_count, other.psnr_db, self._seen(judged))
            )
        for name, entry in view.comparison.entries.items():
            if entry is not None and name != OURS:
                figures_of = (entry.bytes_count, entry.psnr_db, self._seen(entry))
                variants.append(Variant(label(name), str(entry.file), *figures_of))
        right, figures = ours, outcome.figures
        if prefix is not None:
            right, figures = prefix.variant, prefix.figures
            variants.append(right)
        return self._comparison.update(
            variants, ORIGINAL, right.name, figures, outcome.extent.sides
        )

    def _seen(self, entry: Entry | None) -> float | None:
        """What eyes might say of a picture; nothing of clips."""
        return entry.perceived if entry is not None and self._kind == "image" else None

    def _offer(self, view: JobView, outcome: Outcome, prefix: Prefix | None) -> Updates:
        decoded_text, decoded = f"decoded {SUFFIXES[self._kind][1:].upper()}", str(outcome.decoded)
        if prefix is not None:  # What is seen is what one gets.
            decoded_text += f" of the {prefix.variant.name.lower()}"
            decoded = prefix.variant.path
        texts = (f".cmb ({outcome.bytes_count:,} bytes)", decoded_text, "report")
        paths = (outcome.compressed, decoded, write_report(view, outcome))
        updates: Updates = {
            button: gr.update(label=f"Download {text}", value=str(path))
            for button, text, path in zip(self._downloads, texts, paths, strict=True)
        }
        if not view.comparison.complete:  # The report tells of all codecs.
            updates[self._downloads[-1]] = gr.update(label="Report follows", interactive=False)
        else:
            updates[self._downloads[-1]]["interactive"] = True
        return updates

    def _describe_companion(self, view: JobView) -> Updates:
        other = MODELS["siren" if family_of(view.options) == "multires" else "multires"]
        companion = view.companion
        note = ""
        if companion is not None and not companion.ended:
            note = f"{other}: {100 * companion.fraction:.0f} % done"
        elif companion is not None and companion.error:
            note = f"{other}: {companion.error}"
        is_free = companion is None or (companion.ended and companion.outcome is None)
        button = gr.update(value=f"Compare with {other}, at this size", interactive=is_free)
        return {self.companion: button, self._note: f"<p>{escape(note)}</p>" if note else ""}


async def decode_prefix(
    queue: JobQueue, listener: Listener, view: JobView, percent: float, settings: Settings
) -> Prefix | None:
    """Decode the first part of a result's file; ``None`` for the whole of it.

    Raises:
        CombinerError: the file cannot be decoded.
    """
    outcome = view.outcome
    if outcome is None or percent >= 100:
        return None
    kind, part = outcome.extent.kind, Part(parts.prefix_name(percent), percent / 100)
    data = read_content(outcome.compressed)

    def work() -> Decode:
        original = Source.read(outcome.original, kind, settings.input_limits)
        return Decode(outcome.compressed.name, data, (part,), original=original)

    decoded = await parts.result_of(queue.ask(listener.visitor, work), listener)
    rendering = decoded.renderings[-1]
    stem = f"{view.name}-first-{percent:.0f}-percent"
    path = await asyncio.to_thread(parts.write, rendering, outcome.decoded.parent, stem)
    info = cc.inspect(data)
    used_bytes = len(data) - info.payload_bytes + math.ceil(info.payload_bytes * percent / 100)
    variant = Variant(part.title, path, used_bytes, rendering.psnr_db)
    return Prefix(view.id, variant, decoded.figures)


def _details(outcome: Outcome) -> str:
    """What few want to know of a run, folded away."""
    extent = outcome.extent
    text = (
        f"Rate {extent.rate_text(outcome.bytes_count)} ({RATE_WORDS[extent.kind]}), "
        f"model {outcome.model}, computed on {outcome.device}."
    )
    return f"<details><summary>Details</summary><p>{escape(text)}</p></details>"


def _texts(paths: tuple[Path | None, Path | None]) -> tuple[str | None, str | None]:
    first, second = (str(path) if path else None for path in paths)
    return first, second


def _blend(looks: Looks) -> Blend:
    paths = str(looks.faithful), str(looks.natural)
    return Blend(*paths, looks.detail, _texts(looks.screens))


def _table(view: JobView, outcome: Outcome) -> str:
    comparison = view.comparison
    rows: dict[str, Entry | str] = {_model_name(view): _our_row(view)}
    companion = view.companion
    if companion is not None and companion.outcome is not None:
        rows[_model_name(companion)] = _our_row(companion)
    for codec in CODECS[outcome.extent.kind]:
        if codec in comparison.entries:
            rows[codec] = comparison.entries[codec] or codec_table.TOO_SMALL
        elif codec in comparison.failures:
            rows[codec] = comparison.failures[codec]
        elif not comparison.complete:
            rows[codec] = codec_table.COMPUTING
    is_complete = comparison.complete or OURS in comparison.failures
    return codec_table.table(outcome.extent, rows, is_complete=is_complete)


def _our_row(view: JobView) -> Entry | str:
    """Ours, at first without what is measured in the background."""
    comparison, outcome = view.comparison, view.outcome
    entry = comparison.entries.get(OURS)
    if entry is not None or outcome is None:
        return entry or codec_table.COMPUTING
    times = outcome.encode_s, outcome.decode_s
    return Entry(OURS, outcome.bytes_count, outcome.psnr_db, None, None, *times, outcome.decoded)


def _model_name(view: JobView) -> str:
    return parts.model_name(view.options)

"""Progressive posterior refinement: weights are coded part by part, and the rest is fitted on.

Guo et al. 2023 (COMBINER), section 3. After every commit the weights sent are set to what the
receiver will see, and the posteriors of those still to come are trained further, so that they make
up for the errors of the sent ones.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from combiner_core.events import Progress
from combiner_core.rec import StreamEncoder
from combiner_core.siren.payload import Division, Streams
from combiner_core.siren.posterior import PosteriorFit
from combiner_core.siren.progress import Reporter


def code_and_refine(
    fit: PosteriorFit,
    streams: Streams,
    goal_bits: Sequence[int],
    division: Division,
    *,
    commit_bits: int,
    steps: int,
    learning_rate: float,
    report: Reporter,
) -> Generator[Progress, None, list[StreamEncoder]]:
    """Code all streams; between two commits take gradient steps on the weights not yet coded.

    Args:
        fit: the posteriors of M fields.
        streams: of their weights.
        goal_bits: of each stream.
        division: of the bits among fields, and the scales of their priors.
        commit_bits: coded between two refinements.
        steps: gradient steps spread over all commits.
        learning_rate: of these.
        report: makes the events.

    Returns:
        The encoders of the streams, done.
    """
    device = fit.mean.device
    encoders = streams.encoders(goal_bits, division)
    side_bits = 8 * len(streams.side(division))
    order = torch.from_numpy(streams.order).to(device)
    steps_a_commit = steps // -(-max(goal_bits) // commit_bits)
    committed_bits = 0
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        while not all(encoder.done for encoder in encoders):
            # streams of unequal length end together
            due = [
                row
                for row, encoder in enumerate(encoders)
                if not encoder.done
                and encoder.committed_bits * max(goal_bits) <= committed_bits * goal_bits[row]
            ]
            means, stds = (part[:, order].cpu().numpy() for part in (fit.mean, fit.std))
            for start in range(0, len(due), threads):
                rows = due[start : start + threads]
                before = [encoders[row].position for row in rows]
                # the search runs outside the interpreter's lock, and streams are independent
                sent = pool.map(
                    lambda encoder, mean, std: encoder.commit(mean, std),
                    [encoders[row] for row in rows],
                    means[rows],
                    stds[rows],
                )
                for row, first, values in zip(rows, before, list(sent), strict=True):
                    weights = order[first : encoders[row].position]
                    fit.fix(row, weights, torch.from_numpy(values).to(device))
                if report.due():
                    yield report.coding(encoders, side_bits)
            committed_bits += commit_bits
            last = all(encoder.done for encoder in encoders)
            yield report.coding(encoders, side_bits)
            for _ in range(0 if last else steps_a_commit):
                fit.step(learning_rate)
                if report.due():
                    yield report.coding(encoders, side_bits)
    return encoders

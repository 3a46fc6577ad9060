"""Learning in several processes at once, on one machine or on many, as `torchrun` starts them.

Every process reads the same data and has the same settings; each learns from its own share. What
they agree on goes through collectives of torch.distributed: gloo on processors, NCCL on GPUs. A
process that was started alone is the case of one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from combiner_core.errors import CombinerError

_LOST = (
    "Another process of this training was lost: start the training again, with as many processes "
    "as you like, and it goes on from its last checkpoint."
)


@dataclass(frozen=True)
class Processes:
    """Those that learn together.

    Attributes:
        rank: of this one, from 0 on.
        count: of all.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that tells people and writes files."""
        return self.rank == 0

    def share(self, total: int, group: int = 1) -> slice:
        """Which of so many things are this process's: neighbours, about as many everywhere.

        Args:
            total: of things.
            group: so many that follow each other stay together.

        Raises:
            ValueError: there are more processes than groups, or a group would be incomplete.
        """
        groups, rest = divmod(total, group)
        if rest:
            raise ValueError(f"{total} signals are no whole of {group} parts each")
        if groups < self.count:
            raise ValueError(f"{self.count} processes cannot share {groups} between them")
        ends = [(self.rank + more) * groups // self.count for more in (0, 1)]
        return slice(group * ends[0], group * ends[1])

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, the same in each; of one, the values.

        Raises:
            CombinerError: another process was lost.
        """
        if self.count == 1:
            return values
        values = values.contiguous().clone()
        with _reporting():
            dist.all_reduce(values)
        return values

    def gather(self, rows: Tensor, total: int, group: int = 1) -> Tensor:
        """The rows of all processes' shares, shape (total, ...), in each.

        Args:
            rows: shape (share, ...).
            total: of them in all.
            group: as of `share`.

        Raises:
            CombinerError: another process was lost.
        """
        if self.count == 1:
            return rows
        shares = [Processes(rank, self.count).share(total, group) for rank in range(self.count)]
        lengths = [share.stop - share.start for share in shares]
        padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in lengths]
        with _reporting():
            dist.all_gather(found, padded)
        return torch.cat([part[:length] for part, length in zip(found, lengths, strict=True)])

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their means over all processes, in one message.

        Parameters without a gradient are left as they are, and are the same everywhere.

        Raises:
            CombinerError: another process was lost.
        """
        if self.count == 1:
            return
        gradients = [part.grad for part in parameters if part.grad is not None]
        means = self.sum(torch.cat([part.flatten() for part in gradients])) / self.count
        sizes = [part.numel() for part in gradients]
        for gradient, mean in zip(gradients, means.split(sizes), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree_on(self, model: nn.Module) -> None:
        """Give a model the parameters and buffers that the first process's has.

        Raises:
            CombinerError: another process was lost.
        """
        if self.count == 1:
            return
        with _reporting(), torch.no_grad():
            for value in model.state_dict().values():
                sent = value.contiguous()  # parameters of convolutions may lie otherwise
                dist.broadcast(sent, 0)
                value.copy_(sent)

    def part_of_batch(self, batch: int) -> int:
        """How many of a batch's pieces are this process's, the same everywhere.

        Raises:
            ValueError: they cannot be shared evenly, and means over processes would not be those
                over pieces.
        """
        if batch % self.count:
            raise ValueError(f"{self.count} processes cannot share a batch of {batch} evenly")
        return batch // self.count


ALONE = Processes()


@contextmanager
def learning_together(device: torch.device) -> Iterator[Processes]:
    """Join the processes that `torchrun` has started beside this one, if it did.

    Args:
        device: of the learning; each process of a machine takes a GPU of its own.

    Raises:
        CombinerError: they cannot be reached, or there are not as many GPUs.
    """
    if "WORLD_SIZE" not in os.environ:
        yield ALONE
        return
    if device.type == "cuda":
        number = int(os.environ.get("LOCAL_RANK", 0))
        if number >= torch.cuda.device_count():
            raise CombinerError(f"There is no GPU for process {number} of this machine.")
        torch.cuda.set_device(number)
    try:
        _join("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise CombinerError("The other processes of this training cannot be reached.") from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _join(backend: str) -> None:
    # its functions have the group of their import as a default, and optimisers import it: if that
    # came later, the group's threads would outlive it and could abort the end of the process
    importlib.import_module("torch.distributed.nn.functional")
    store, rank, count = next(rendezvous("env://"))
    if os.environ.get("LOCAL_WORLD_SIZE") == str(count):
        # torchrun keeps its store when it restarts processes, and there the addresses of the lost;
        # only on one machine do all count the same restarts
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = dist.PrefixStore(f"attempt-{attempt}", store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)


@contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of which those of torch.distributed are
        raise CombinerError(_LOST) from error

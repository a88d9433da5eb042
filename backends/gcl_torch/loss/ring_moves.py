"""What travels between processes while they compute."""

import torch
import torch.distributed as dist

__all__ = ["Move"]


class Move:
    """A matrix on its way to one process and another on its way here, both begun and not awaited.

    All processes begin their moves in one order. Nothing is sent of an empty matrix: both ends know
    its size.

    Args:
        group: the processes.
        out: the matrix to send, (N, W); it must not change until `wait`.
        to: the process, by its rank in the group, that it goes to.
        into: the memory, (M, W), for the matrix that comes.
        source: the process that it comes from.
    """

    def __init__(
        self,
        group: dist.ProcessGroup,
        out: torch.Tensor,
        to: int,
        into: torch.Tensor,
        source: int,
    ) -> None:
        self._out, self._into = out.contiguous(), into
        moves = []
        if out.numel():
            peer = dist.get_global_rank(group, to)
            moves.append(dist.P2POp(dist.isend, self._out, peer, group))
        if into.numel():
            peer = dist.get_global_rank(group, source)
            moves.append(dist.P2POp(dist.irecv, into, peer, group))
        self._works = dist.batch_isend_irecv(moves) if moves else []

    def wait(self) -> torch.Tensor | None:
        """Wait until both matrices have arrived.

        Returns:
            The one that came, (M, W); None where none was due.
        """
        for work in self._works:
            work.wait()
        return self._into if self._into.numel() else None

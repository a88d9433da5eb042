"""Loss and gradients by PyTorch's autograd over the neutral equation."""

import torch
from array_api_compat import torch as torch_namespace

from gcl_spec.backend import LossAndGrads
from gcl_spec.loss import stacked_loss
from gcl_spec.objective import Objective

__all__ = ["loss_and_grads"]


def loss_and_grads(
    z_MBD: torch.Tensor,
    log_scale: torch.Tensor,
    /,
    *,
    objective: Objective,
    present: torch.Tensor | None = None,
    ids: torch.Tensor | None = None,
) -> LossAndGrads:
    """The objective and its gradients; see `gcl_spec.backend.Backend.loss_and_grads`.

    The inputs are leaves here: hand `grads` to `z_MBD.backward` to go on into the towers.
    """
    # Autocast would round the logits to 16 bits, which costs half the gradient once trained.
    with torch.enable_grad(), torch.autocast(z_MBD.device.type, enabled=False):
        z = z_MBD.detach().requires_grad_()
        s = log_scale.detach().requires_grad_()
        loss = stacked_loss(
            z, s, objective=objective, present_MB=present, ids_B=ids, xp=torch_namespace
        )
        grads, dlog_scale = torch.autograd.grad(loss, (z, s))
    return LossAndGrads(loss.detach(), grads, dlog_scale)

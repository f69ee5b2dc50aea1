"""Muon: steps of equal size in all directions of a weight matrix, AdamW for everything else.

K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon; sized as AdamW's steps are, so that one learning rate
serves both: J. Liu et al., "Muon is Scalable for LLM Training", arXiv 2502.16982. PyTorch's own
takes plain matrices only, and most of ours are kernels and stacks of matrices.

A gradient's singular values differ by orders of magnitude: a few directions are learnt at once and
the others late. Here the momentum's singular values are all brought to about one before the step.
"""

import math

import torch
from torch import Tensor, nn

from unbraid.training.recipe import OptimiserConfig

BETAS = (0.9, 0.99)
"""Of AdamW."""
MOMENTUM = 0.95
STEP_RMS = 0.2
"""Root mean square of a step over the learning rate, as AdamW's usually is."""


def make_optimiser(net: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser that a recipe asks for."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.kind == "muon":
        return Muon(net, lr=rate, weight_decay=decay)
    return torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay, betas=BETAS, fused=True)


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of a net, AdamW for its biases, norms and tables.

    Kernels are matrices of (n_out, n_in * height * width); parameters of three axes are stacks of
    matrices; the three gates of a GRU are a matrix each.

    Args:
        net: whose parameters to step.
        lr: for both.
        weight_decay: decoupled, for both.
    """

    def __init__(self, net: nn.Module, *, lr: float, weight_decay: float) -> None:
        self._shapes = matrices(net)
        super().__init__(net.parameters(), {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One step of all parameters that have a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.mul_(1 - group["lr"] * group["weight_decay"])
                take = self._matrix_step if p in self._shapes else self._adam_step
                p.add_(take(p, p.grad), alpha=-group["lr"])

    def _matrix_step(self, p: Tensor, grad: Tensor) -> Tensor:
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        momentum = state["momentum"].lerp_(grad, 1 - MOMENTUM)
        # Nesterov's: what the momentum will be if this gradient comes again.
        stack = grad.lerp(momentum, MOMENTUM).reshape(self._shapes[p])
        size = STEP_RMS * math.sqrt(max(stack.shape[-2:]))
        return orthogonal(stack).mul_(size).reshape(p.shape)

    def _adam_step(self, p: Tensor, grad: Tensor) -> Tensor:
        state, (beta1, beta2) = self.state[p], BETAS
        if not state:
            state["step"] = 0
            state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
        n = state["step"] = state["step"] + 1
        mean = state["mean"].lerp_(grad, 1 - beta1) / (1 - beta1**n)
        square = state["square"].lerp_(grad.square(), 1 - beta2) / (1 - beta2**n)
        change: Tensor = mean / (square.sqrt_() + 1e-8)
        return change


def matrices(net: nn.Module) -> dict[Tensor, tuple[int, ...]]:
    """Which parameters are matrices or stacks of them, and their shapes as such: (..., n, m)."""
    found: dict[Tensor, tuple[int, ...]] = {}
    for module in net.modules():
        for name, p in module.named_parameters(recurse=False):
            shape = (*p.shape,)
            if p.ndim < 2 or (p.ndim == 2 and "weight" not in name):
                continue
            if isinstance(module, nn.GRU):
                shape = (3, p.shape[0] // 3, p.shape[1])
            elif p.ndim == 4:
                shape = (p.shape[0], p[0].numel())
            if min(shape[-2:]) > 1:
                found[p] = shape
    return found


def orthogonal(stack: Tensor) -> Tensor:
    """Each matrix with all its singular values brought near 1 (0.7 to 1.2) by five steps of a
    Newton-Schulz iteration, whose coefficients are Jordan's.

    Args:
        stack: (..., n, m).

    Returns:
        The same shape, float32.
    """
    x: Tensor = stack.float()
    is_tall = x.shape[-2] > x.shape[-1]
    x = x.mT if is_tall else x
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if is_tall else x

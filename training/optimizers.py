"""The optimizers of pre-training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for the matrices of attention and feed-forward layers, AdamW for embeddings, heads, norms and biases.

    Muon's steps are scaled to AdamW's size (Liu et al., 2025), so both take one learning rate.

    Args:
        model: Its ``bert.encoder`` and, where there is one, ``generator`` hold those matrices.
        learning_rate: Of both.
        weight_decay: Of both.
    """

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            inside = name.startswith(("bert.encoder.", "generator.")) and parameter.ndim == 2
            (matrices if inside else rest).append(parameter)
        self.muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = adamw(rest, learning_rate, weight_decay)
        super().__init__([*matrices, *rest], {})

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of both; what a schedule sets in them is theirs."""
        return [*self.muon.param_groups, *self.adamw.param_groups]

    @param_groups.setter
    def param_groups(self, value: object) -> None:
        """The base class sets its own, which are not needed."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """The groups are complete from the start."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of both."""
        self.muon.step()
        self.adamw.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.muon.zero_grad(set_to_none)
        self.adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Of both."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Read back what :meth:`state_dict` gave."""
        self.muon.load_state_dict(state_dict["muon"])
        self.adamw.load_state_dict(state_dict["adamw"])


def adamw(parameters: Any, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW as pre-training wants it: a shorter memory of squares, as batches are small."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.98), fused=True)

"""The optimizers of pre-training and training."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon (Jordan et al., 2024) for the matrices of attention and feed-forward layers, AdamW for embeddings, heads, norms and biases.

    Muon's steps are scaled to AdamW's size (Liu et al., 2025), so rates that suit the one suit the other.

    Args:
        matrices: Muon's.
        learning_rate: Muon's.
        weight_decay: Muon's.
        adamw: Holds the other parameters.
    """

    def __init__(self, matrices: Sequence[nn.Parameter], learning_rate: float, weight_decay: float, adamw: torch.optim.AdamW) -> None:
        self.muon = torch.optim.Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self.adamw = adamw
        super().__init__([*matrices, *(parameter for group in adamw.param_groups for parameter in group["params"])], {})

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


def matrices_and_rest(model: nn.Module) -> tuple[list[nn.Parameter], dict[str, nn.Parameter]]:
    """What Muon trains, the matrices of ``model.bert.encoder`` and, where there is one, ``model.generator``; and the other parameters by name."""
    named = dict(model.named_parameters())
    inside = {name for name, parameter in named.items() if name.startswith(("bert.encoder.", "generator.")) and parameter.ndim == 2}
    return [named[name] for name in named if name in inside], {name: parameter for name, parameter in named.items() if name not in inside}


def adamw(parameters: Any, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW as pre-training wants it: a shorter memory of squares, as batches are small."""
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.98), fused=True)


def muon_with_adamw(model: nn.Module, learning_rate: float, weight_decay: float) -> MuonWithAdamW:
    """Both over a model in pre-training, with one rate."""
    matrices, rest = matrices_and_rest(model)
    return MuonWithAdamW(matrices, learning_rate, weight_decay, adamw(rest.values(), learning_rate, weight_decay))

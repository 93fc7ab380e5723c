"""Adam in the eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Objective, expect, finite
from .first_order import FirstOrder


class SOAP(FirstOrder):
    """SOAP (Vyas et al. 2024, Algorithm 3): each weight matrix has a rotation on either side.

    For a gradient G (rows, columns) the running means of G G^T and G^T G have eigenvectors
    Q_L and Q_R; the second moments are those of Q_L^T G Q_R. The bases are renewed every
    `refresh` steps by one step of orthogonal iteration. Vectors take Adam's steps. The first
    step only fills the means, as there is no basis yet.
    """

    def __init__(
        self,
        max_iterations: int = 2000,
        rate: float = 3e-3,
        decay: float = 0.1,
        betas: tuple[float, float] = (0.95, 0.95),
        beta: float = 0.95,
        refresh: int = 10,
    ) -> None:
        super().__init__(max_iterations, rate, decay, betas)
        expect(0.0 <= beta < 1.0 and refresh >= 1, "0 <= beta < 1, refresh >= 1", (beta, refresh))
        self.beta, self.refresh = beta, refresh

    def _update(self, x: Tensor, objective: Objective) -> tuple[float, Tensor]:
        loss, gradient = objective(x)
        if not finite(loss, gradient):
            return loss, gradient  # it has no eigenvectors
        updates, start = [], 0
        for i, shape in enumerate(objective.shapes):
            size = torch.Size(shape).numel()
            part = gradient[start : start + size].view(shape)
            update = self._matrix(str(i), part) if len(shape) == 2 else self._vector(str(i), part)
            updates.append(update.reshape(-1))
            start += size
        return loss, torch.cat(updates)

    def _vector(self, name: str, gradient: Tensor) -> Tensor:
        mean, square = self._averages(name, gradient, gradient.square())
        return mean / (square.sqrt() + 1e-8)

    def _matrix(self, name: str, gradient: Tensor) -> Tensor:
        left, right = (self._memory.get(f"{side}:{name}") for side in ("QL", "QR"))
        if left is None or right is None:
            self._learn(name, gradient)
            self._averages(name, gradient, torch.zeros_like(gradient))
            return torch.zeros_like(gradient)
        mean, square = self._averages(name, gradient, (left.T @ gradient @ right).square())
        update = left @ ((left.T @ mean @ right) / (square.sqrt() + 1e-8)) @ right.T
        self._learn(name, gradient)
        return update

    def _learn(self, name: str, gradient: Tensor) -> None:
        """Take the gradient into the means of its products, and renew the bases when it is time."""
        for axis, side in enumerate(("L", "R")):
            product = gradient @ gradient.T if axis == 0 else gradient.T @ gradient
            mean = self._memory.setdefault(f"{side}:{name}", torch.zeros_like(product))
            mean.mul_(self.beta).add_(product, alpha=1.0 - self.beta)
            basis = self._memory.get(f"Q{side}:{name}")
            if basis is None:  # contiguous, as a resumed run has it: the layout decides bits
                self._memory[f"Q{side}:{name}"] = torch.linalg.eigh(mean)[1].flip(1).contiguous()
            elif (self.iterations + 1) % self.refresh == 0:
                self._turn(name, f"Q{side}:{name}", mean, axis)

    def _turn(self, name: str, key: str, mean: Tensor, axis: int) -> None:
        """One step of orthogonal iteration; the second moments follow their eigenvectors."""
        basis = self._memory[key]
        values = (basis * (mean @ basis)).sum(dim=0)
        order = values.argsort(descending=True, stable=True)
        self._memory[key] = torch.linalg.qr(mean @ basis[:, order])[0].contiguous()
        self._memory[f"v:{name}"] = self._memory[f"v:{name}"].index_select(axis, order)

"""What compiled programs should give, in NumPy: slow, obvious, and without any compiler."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int, UInt8

from ensemble import TrainConfig
from invariants import Plan

Kernels = list[Float64[np.ndarray, "_ _"]]
Images = UInt8[np.ndarray, "images pixels"]
Labels = Int[np.ndarray, " images"]

_OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "transpose": lambda matrix: np.swapaxes(matrix, -1, -2),
    "hadamard": lambda *matrices: reduce(np.multiply, matrices),
    "scale": lambda matrix, vector: matrix * vector[..., None, :],
    "matmul": np.matmul,
    "diagonal": lambda matrix: np.diagonal(matrix, axis1=-2, axis2=-1),
    "matvec": lambda matrix, *vector: (matrix * vector[0][..., None, :] if vector else matrix).sum(axis=-1),
    "vecmat": lambda matrix, *vector: (matrix * vector[0][..., :, None] if vector else matrix).sum(axis=-2),
    "times": lambda *vectors: reduce(np.multiply, vectors),
    "total": lambda *vectors: reduce(np.multiply, vectors).sum(axis=-1),
}


def factors(plan: Plan, stack: Float[np.ndarray, "rows m n"]) -> Float64[np.ndarray, "rows factors"]:
    """What `invariants.factor_values` gives for every matrix of a stack."""
    results = [np.asarray(stack, np.float64)]
    for step in plan.steps[1:]:
        results.append(_OPERATIONS[step.op](*(results[arg] for arg in step.args)))
    return np.stack([results[output] for output in plan.outputs], axis=-1)


class Trained(NamedTuple):
    """One member after an epoch."""

    kernels: Kernels
    loss: float
    """Mean over the batches of the loss before each step."""


def epoch(kernels: Kernels, batches: Sequence[tuple[Images, Labels]], config: TrainConfig) -> Trained:
    """One epoch of Adam with L2 coupled to the gradient, from moments that are zero.

    m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2, W <- W - rate m_hat / (sqrt(v_hat) + eps).
    """
    kernels = list(kernels)
    first, second = ([np.zeros_like(kernel) for kernel in kernels] for _ in range(2))
    losses = []
    for step, (images, labels) in enumerate(batches, start=1):
        loss, gradients = _gradient(kernels, normalised(images), labels)
        losses.append(loss)
        for k, gradient in enumerate(gradients):
            gradient = gradient + config.weight_decay * kernels[k]
            first[k] = config.beta1 * first[k] + (1 - config.beta1) * gradient
            second[k] = config.beta2 * second[k] + (1 - config.beta2) * gradient**2
            mean, square = first[k] / (1 - config.beta1**step), second[k] / (1 - config.beta2**step)
            kernels[k] = kernels[k] - config.learning_rate * mean / (np.sqrt(square) + config.eps)
    return Trained(kernels, float(np.mean(losses)))


def evaluate(kernels: Kernels, images: Images, labels: Labels) -> tuple[float, float]:
    """Mean cross-entropy in nats, and accuracy."""
    logits = _forward(kernels, normalised(images))[-1]
    hits = np.argmax(logits, axis=0) == labels
    return float(-_log_softmax(logits)[labels, np.arange(len(labels))].mean()), float(hits.mean())


def normalised(images: UInt8[np.ndarray, "*batch pixels"]) -> Float64[np.ndarray, "*batch pixels"]:
    """Pixels in [-1, 1]."""
    return images * (2 / 255) - 1


def _forward(kernels: Kernels, images: np.ndarray) -> list[np.ndarray]:
    """Outputs of every layer before its ReLU, [out, batch]."""
    outputs = [kernels[0] @ images.T]
    for kernel in kernels[1:]:
        outputs.append(kernel @ np.maximum(outputs[-1], 0))
    return outputs


def _gradient(kernels: Kernels, images: np.ndarray, labels: np.ndarray) -> tuple[float, Kernels]:
    """Mean loss of a batch, and its gradient by every kernel."""
    outputs, each = _forward(kernels, images), np.arange(len(labels))
    log_probabilities = _log_softmax(outputs[-1])
    delta = np.exp(log_probabilities)
    delta[labels, each] -= 1
    delta /= len(labels)
    gradients = []
    for k in range(len(kernels) - 1, 0, -1):
        gradients.append(delta @ np.maximum(outputs[k - 1], 0).T)
        delta = (kernels[k].T @ delta) * (outputs[k - 1] > 0)
    gradients.append(delta @ images)
    return float(-log_probabilities[labels, each].mean()), gradients[::-1]


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))

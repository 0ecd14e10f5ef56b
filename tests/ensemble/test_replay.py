"""The training step against PyTorch's own numbers, and against Adam written out in NumPy."""

import numpy as np
import pytest

from ensemble import TrainConfig, load, replay

CASES = range(4)
TOLERANCE = {1: 1e-7, 10: 5e-7, 50: 2e-6}
"""Of float32 after so many steps, until a ReLU switches near zero: then Adam amplifies roundings up to 1e-3."""
SWITCHED = 5e-3


@pytest.fixture(scope="module")
def torch_cases(fixtures, mnist_dir):
    numbers = np.load(fixtures / "torch_trajectory.npz", allow_pickle=False)
    data = load("mnist", mnist_dir)
    return numbers, data


def batches(torch_cases, case: int, dtype) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, TrainConfig]:
    numbers, data = torch_cases
    index = numbers[f"case{case}_order"]
    layers = len(numbers[f"case{case}_sizes"]) - 1
    weights = [numbers[f"case{case}_start_layer{k}"].astype(dtype) for k in range(layers)]
    images = ((data.train_images[index] / 255 - 0.5) / 0.5).astype(dtype)
    config = TrainConfig(weight_decay=float(numbers[f"case{case}_weight_decay"]))
    return weights, images, data.train_labels[index], config


@pytest.mark.parametrize("case", CASES)
def test_200_steps_are_pytorchs_in_double_precision(torch_cases, case):
    numbers, _ = torch_cases
    weights, images, labels, config = batches(torch_cases, case, np.float64)
    end, losses = replay(weights, images, labels, config)
    np.testing.assert_allclose(losses, numbers[f"case{case}_f64_loss"], rtol=1e-12)
    for k, kernel in enumerate(end):
        assert kernel.dtype == np.float64
        # The first layer is stored in float32.
        tolerance = 1e-7 if k == 0 else 1e-13
        np.testing.assert_allclose(kernel, numbers[f"case{case}_f64_step200_layer{k}"], atol=tolerance)


def errors_in_single_precision(torch_cases, case: int, steps: int) -> tuple[float, float, float]:
    """Largest difference from PyTorch of losses, of the first layer, and of the others after some steps."""
    numbers, _ = torch_cases
    weights, images, labels, config = batches(torch_cases, case, np.float32)
    end, losses = replay(weights, images[:steps], labels[:steps], config)
    assert {kernel.dtype for kernel in end} == {np.dtype(np.float32)}
    loss = np.abs(losses - numbers[f"case{case}_f32_loss"][:steps]).max()
    # PyTorch's first layer is not stored in float32; the small gradients of its many weights are rounded more.
    first = np.abs(end[0] - numbers[f"case{case}_f64_step{steps}_layer0"]).max()
    others = [
        np.abs(kernel - numbers[f"case{case}_f32_step{steps}_layer{k}"]).max() for k, kernel in enumerate(end) if k
    ]
    return float(loss), float(first), float(max(others))


@pytest.mark.parametrize("steps", TOLERANCE)
def test_early_steps_are_pytorchs_in_single_precision(torch_cases, steps):
    errors = np.array([errors_in_single_precision(torch_cases, case, steps) for case in CASES])
    agrees = np.all(errors <= (1e-5, 1e-5, TOLERANCE[steps]), axis=1)
    # Which processor and which release round such that a ReLU switches within 50 steps cannot be told beforehand.
    assert agrees.sum() >= (len(CASES) - 1 if steps == 50 else len(CASES)), errors
    assert errors.max() < SWITCHED


def numpy_training(weights, images, labels, config) -> tuple[list[np.ndarray], list[float]]:
    """Backpropagation and Adam with coupled L2, written out."""
    weights = [kernel.copy() for kernel in weights]
    first, second = ([np.zeros_like(kernel) for kernel in weights] for _ in range(2))
    losses = []
    for step, (batch, target) in enumerate(zip(images, labels, strict=True), start=1):
        activations = [batch.T]
        for kernel in weights[:-1]:
            activations.append(np.maximum(kernel @ activations[-1], 0))
        logits = weights[-1] @ activations[-1]
        probability = np.exp(logits) / np.exp(logits).sum(axis=0)
        picked = (target, np.arange(len(target)))
        losses.append(-np.log(probability[picked]).mean())
        probability[picked] -= 1
        delta = probability / len(target)
        for k in reversed(range(len(weights))):
            gradient = delta @ activations[k].T + config.weight_decay * weights[k]
            delta = (weights[k].T @ delta) * (activations[k] > 0)
            first[k] = config.beta1 * first[k] + (1 - config.beta1) * gradient
            second[k] = config.beta2 * second[k] + (1 - config.beta2) * gradient**2
            corrected = first[k] / (1 - config.beta1**step), second[k] / (1 - config.beta2**step)
            weights[k] -= config.learning_rate * corrected[0] / (np.sqrt(corrected[1]) + config.eps)
    return weights, losses


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"beta1": 0.5, "beta2": 0.8, "eps": 0.01}], ids=str)
def test_steps_are_adam_with_coupled_decay(settings):
    generator = np.random.default_rng(2)
    weights = [generator.normal(size=shape) / 3 for shape in ((5, 8), (5, 5), (3, 5))]
    images = generator.normal(size=(12, 7, 8))
    labels = generator.integers(0, 3, (12, 7))
    config = TrainConfig(learning_rate=0.01, **settings)
    end, losses = replay(weights, images, labels, config)
    expected, expected_losses = numpy_training(weights, images, labels, config)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-12)
    for kernel, reference in zip(end, expected, strict=True):
        np.testing.assert_allclose(kernel, reference, atol=1e-13)

"""What the first layer of a step costs, and whether another way of writing it is cheaper, on one core.

    python -m benchmarks.first_layer [--turns 15]

A step with independent orders gathers a batch of its own for every member, multiplies it with a 10 x 784 kernel, and
what comes back with the batch again: most of its time. Each row is that, sixty times, for four members at once where it
does not say otherwise; rows take turns. GFLOP/s and the share of the peak, that of a product of 512 x 512 in the same
series, count the operations of the two products alone.
"""

import argparse
import os
from collections.abc import Callable
from statistics import median
from time import perf_counter

from benchmarks.data import where
from experiments.run.runtime import configure, cores

STEPS, BATCH, PIXELS, OUT, IMAGES, SQUARE = 60, 100, 784, 10, 4000, 512


def rows() -> dict[str, tuple[Callable, int]]:
    """Programs of some steps, and the members of each."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from ensemble.network import HIGHEST, normalise

    images = jnp.asarray(np.random.default_rng(0).integers(0, 255, (IMAGES, PIXELS), np.uint8))

    def product(subscripts, *operands):
        return jnp.einsum(subscripts, *operands, precision=HIGHEST)

    def as_it_is(kernel, batch):
        return product("ok,bk->ob", kernel, batch)

    def swapped(kernel, batch):
        return product("bk,ok->ob", batch, kernel)

    def kernel_transposed(kernel, batch):
        return product("bk,ko->bo", batch, jax.lax.optimization_barrier(kernel.T)).T

    def images_transposed(kernel, batch):
        return product("ok,kb->ob", kernel, jax.lax.optimization_barrier(batch.T))

    def halves_of_the_pixels(kernel, batch):
        return product("okc,bkc->kob", kernel.reshape(OUT, 2, -1), batch.reshape(BATCH, 2, -1)).sum(axis=0)

    def halves_of_the_batch(kernel, batch):
        return jnp.concatenate([product("ok,bk->ob", kernel, half) for half in jnp.split(batch, 2)], axis=1)

    def padded(rows):
        return lambda kernel, batch: as_it_is(jnp.pad(kernel, ((0, rows - OUT), (0, 0))), batch)[:OUT]

    def take(index):
        return images.at[index].get(mode="promise_in_bounds")

    def member(forward):
        def one(kernel, batch):
            return kernel + 1e-9 * product("ob,bk->ok", forward(kernel, batch), batch)

        return one

    def at_once(forward, filled=BATCH):
        def step(kernels, index):
            index = jnp.pad(index, ((0, 0), (0, filled - BATCH)))
            return jax.vmap(member(forward))(kernels, normalise(jax.lax.map(take, index))), None

        return jax.jit(lambda kernels, order: jax.lax.scan(step, kernels, order)[0])

    def in_turn(forward):
        def step(kernels, index):
            one = member(forward)
            return jax.lax.map(lambda each: one(each[0], normalise(take(each[1]))), (kernels, index)), None

        return jax.jit(lambda kernels, order: jax.lax.scan(step, kernels, order)[0])

    ways = (swapped, kernel_transposed, images_transposed, halves_of_the_pixels, halves_of_the_batch)
    return {
        "as it is": (at_once(as_it_is), 4),
        "one member after the other": (in_turn(as_it_is), 4),
        **{way.__name__.replace("_", " "): (at_once(way), 4) for way in ways},
        **{f"kernel padded to {rows} rows": (at_once(padded(rows)), 4) for rows in (12, 16)},
        **{f"batch padded to {filled} images": (at_once(as_it_is, filled), 4) for filled in (104, 112, 128)},
        **{f"{count} members at once": (at_once(as_it_is), count) for count in (1, 2, 8, 16)},
    }


def timed(turns: int) -> tuple[dict[str, float], float]:
    """Seconds of a member's step by row, and the peak in GFLOP/s; medians over the turns."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(1)
    square = jnp.asarray(rng.standard_normal((SQUARE, SQUARE), np.float32))
    peak = jax.jit(lambda start: jax.lax.fori_loop(0, 20, lambda _, power: 1e-3 * square @ power, start))
    programs: dict[str, tuple[Callable, tuple, float]] = {"peak": (peak, (square,), 1 / (20e-9 * 2 * SQUARE**3))}
    for name, (program, members) in rows().items():
        kernels = jnp.asarray(rng.standard_normal((members, OUT, PIXELS), np.float32))
        order = jnp.asarray(rng.integers(0, IMAGES, (STEPS, members, BATCH), np.int32))
        programs[name] = program, (kernels, order), 1 / (STEPS * members)
    for program, arguments, _ in programs.values():
        jax.block_until_ready(program(*arguments))
    seconds = {name: [] for name in programs}
    for _ in range(turns):
        for name, (program, arguments, share) in programs.items():
            began = perf_counter()
            jax.block_until_ready(program(*arguments))
            seconds[name].append(share * (perf_counter() - began))
    medians = {name: median(values) for name, values in seconds.items()}
    return medians, 1 / medians.pop("peak")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time ways of writing the first layer's products.")
    parser.add_argument("--turns", type=int, default=15, help="measurements of every row (default 15)")
    turns = parser.parse_args().turns
    os.sched_setaffinity(0, cores()[:1])
    configure()
    medians, peak = timed(turns)
    print(f"{where()}; one core, peak {peak:.0f} GFLOP/s")
    print(f"{'':32s}{'a step':>10s}{'GFLOP/s':>10s}{'of peak':>10s}{'over first':>12s}")
    for name, seconds in medians.items():
        rate = 4e-9 * OUT * PIXELS * BATCH / seconds
        print(f"{name:32s}{1e6 * seconds:7.1f} us{rate:10.1f}{rate / peak:10.0%}{seconds / medians['as it is']:12.2f}")


if __name__ == "__main__":
    main()

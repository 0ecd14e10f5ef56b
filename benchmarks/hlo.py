"""What a compiled program does, read from its text: loops, kernels, bytes they move, cycles a compiler estimates.

The text is XLA's optimised HLO, as `jax.stages.Compiled.as_text` gives it for a GPU or a TPU.
"""

import math
import re
from typing import NamedTuple

_COMPUTATION = re.compile(r"^(?:ENTRY )?%([\w.\-]+) \(.*?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%([\w.\-]+) = (.*?) ([\w\-]+)\((.*)$")
_ARRAY = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")
# What moves no bytes and launches nothing.
_FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant", "while", "after-all", "partition-id"}
_SLICES = {"dynamic-slice", "gather"}  # of their first operand they read what they yield


class Instruction(NamedTuple):
    """One line of a computation."""

    name: str
    shape: str
    op: str
    operands: tuple[str, ...]
    line: str

    @property
    def bytes(self) -> int:
        """Size of what it yields."""
        return sum(
            math.prod(map(int, filter(None, extent.split(","))))
            * (1 if kind == "pred" else int(bits))
            // (8 if bits else 1)
            for kind, bits, extent in _ARRAY.findall(self.shape)
        )


class Loop(NamedTuple):
    """A `while`, with the instructions of its body."""

    trips: int | None
    """How often it runs; None if the program does not know."""
    body: list[Instruction]


class Program:
    """The computations of a compiled program, by name."""

    def __init__(self, text: str) -> None:
        self._computations = {name: _instructions(body) for name, body in _COMPUTATION.findall(text)}
        self.instructions = [one for every in self._computations.values() for one in every]

    @property
    def loops(self) -> list[Loop]:
        """All loops, the longest first."""
        found = [
            Loop(self._trips(one), self._computations[_named(one, "body")])
            for one in self.instructions
            if one.op == "while"
        ]
        return sorted(found, key=lambda loop: loop.trips or math.inf, reverse=True)

    def kernels(self, loop: Loop) -> list[Instruction]:
        """What is launched in one turn of the loop."""
        return [one for one in loop.body if one.op not in _FREE]

    def traffic(self, loop: Loop) -> int:
        """Bytes that the kernels of one turn read and write, nothing kept in a cache between them.

        An array of which a kernel only takes slices or rows counts as these; one updated in place as the update.
        """
        sizes = {one.name: one.bytes for one in loop.body}
        return sum(self._moved(kernel, sizes) for kernel in self.kernels(loop))

    def cycles(self, loop: Loop) -> int:
        """Sum of the compiler's estimates for one turn; a TPU's compiler gives some, but none for a gather."""
        told = (re.search(r'"estimated_cycles":"(\d+)"', one.line) for one in loop.body)
        return sum(int(match[1]) for match in told if match)

    def _trips(self, loop: Instruction) -> int | None:
        told = re.search(r'"known_trip_count":\{"n":"(\d+)"', loop.line)
        if told is None:  # a TPU's program does not tell, but its condition is counter < constant
            condition = self._computations[_named(loop, "condition")]
            bounds = [one for one in condition if one.op == "constant" and one.shape.startswith("s32[]")]
            told = re.search(r"constant\((\d+)\)", bounds[0].line) if len(bounds) == 1 else None
        return int(told[1]) if told else None

    def _moved(self, kernel: Instruction, sizes: dict[str, int]) -> int:
        if kernel.op != "fusion":
            return kernel.bytes + sum(sizes[name] for name in kernel.operands)
        inside = self._computations[_named(kernel, "calls")]
        parameters = sorted((one for one in inside if one.op == "parameter"), key=_number)
        read = [
            _read_of(parameter, inside, sizes[name])
            for parameter, name in zip(parameters, kernel.operands, strict=True)
        ]
        updates = [one for one in inside if one.op == "dynamic-update-slice"]
        within = {one.name: one.bytes for one in inside}
        written = sum(within[one.operands[1]] for one in updates) if updates else kernel.bytes
        return sum(read) + written


def _instructions(body: str) -> list[Instruction]:
    found = filter(None, map(_INSTRUCTION.match, body.splitlines()))
    return [Instruction(m[1], m[2], m[3], tuple(re.findall(r"%([\w.\-]+)", m[4].split(")")[0])), m[0]) for m in found]


def _named(instruction: Instruction, role: str) -> str:
    match = re.search(rf"\b{role}=%([\w.\-]+)", instruction.line)
    assert match is not None, instruction.line
    return match[1]


def _number(parameter: Instruction) -> int:
    match = re.search(r"parameter\((\d+)\)", parameter.line)
    assert match is not None, parameter.line
    return int(match[1])


def _read_of(parameter: Instruction, inside: list[Instruction], size: int) -> int:
    """Bytes of an operand that a fused kernel reads."""
    users = [one for one in inside if parameter.name in one.operands]
    if users and all(one.op in _SLICES and one.operands[0] == parameter.name for one in users):
        return sum(one.bytes for one in users)
    if users and all(one.op == "dynamic-update-slice" and one.operands[0] == parameter.name for one in users):
        return 0
    if users and all(one.op == "bitcast" for one in users):
        return max(_read_of(one, inside, size) for one in users)
    return size

r"""Formulas of expectations in LaTeX, in an order fit for reading: a common factor, then sums by power of the size."""

import re
from typing import Any

from analysis.model.formulas import Coefficient, Formula, Group, Powers, parameters, polynomial_latex
from invariants import latex

GREEK = {"mean": r"\mu", "mu": r"\mu"}
"""Parameters that are written as a Greek letter."""


def equation(formula: Formula) -> str:
    r"""Both sides: \left\langle \sum M_{ii} \right\rangle = ..."""
    return rf"\left\langle {latex(formula.graph)} \right\rangle = {right_hand_side(formula)}"


def right_hand_side(formula: Formula) -> str:
    """The common factor, then the terms, those of one coefficient in brackets."""
    names = [_symbol(variable.name) for variable in parameters(formula.kind)]
    groups = [_group(group, names) for group in formula.groups]
    inside = " ".join([groups[0].removeprefix("+ "), *groups[1:]]) if groups else "1"
    front = _coefficient(formula.common)
    if front == "1":
        return inside
    if inside == "1":
        return front
    several = len(groups) > 1 or (len(formula.groups[0].terms) > 1 and not inside.endswith(r"\right)"))
    return rf"{front} \left[ {inside} \right]" if several else f"{front} {inside}"


def _group(group: Group, names: list[str]) -> str:
    """The terms with their coefficient, and the sign in front."""
    front = _coefficient(group.coefficient)
    if len(group.terms) == 1:
        ((integer, monomial),) = group.terms
        number, powers = group.coefficient
        front = _coefficient(Coefficient(number * abs(integer), powers))
        factors = [part for part in (front, _monomial(monomial, names)) if part != "1"]
        return f"{'-' if integer < 0 else '+'} {' '.join(factors) or '1'}"
    inside = " ".join(_signed(integer, _monomial(monomial, names)) for integer, monomial in group.terms)
    return inside if front == "1" else rf"+ {front} \left( {inside.removeprefix('+ ')} \right)"


def _signed(integer: int, monomial: str) -> str:
    size = f"{abs(integer)} " if abs(integer) != 1 else ""
    return f"{'-' if integer < 0 else '+'} {size}{monomial}"


def _coefficient(coefficient: Coefficient) -> str:
    number, powers = coefficient
    above = _powers({base: power for base, power in powers.items() if power > 0})
    below = _powers({base: -power for base, power in powers.items() if power < 0})
    top = " ".join([*([str(number.p)] if number.p != 1 else []), *above]) or "1"
    bottom = " ".join([*([str(number.q)] if number.q != 1 else []), *below])
    return rf"\frac{{{top}}}{{{bottom}}}" if bottom else top


def _powers(powers: Powers) -> list[str]:
    return [_power(base, power) for base, power in powers.items()]


def _power(base: Any, power: Any) -> str:
    """A polynomial in the size to a positive power."""
    text = polynomial_latex(base)
    if 2 * power == 1:
        return rf"\sqrt{{{text}}}"
    bracketed = text if len(text) == 1 else f"({text})"
    return bracketed if power == 1 else f"{bracketed}^{{{power}}}"


def _monomial(monomial: tuple[int, ...], names: list[str]) -> str:
    """The parameters with their powers; 1 where there is none."""
    counts = {b: monomial.count(b) for b in monomial}
    return " ".join(names[b] if count == 1 else f"{names[b]}^{{{count}}}" for b, count in counts.items()) or "1"


def _symbol(name: str) -> str:
    """f1 as f_{1}, vC as v_{C}, and a mean as a Greek letter."""
    return GREEK.get(name) or re.sub(r"^([a-z])(.+)$", r"\1_{\2}", name)

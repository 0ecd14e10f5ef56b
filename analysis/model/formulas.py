r"""Expectations of invariants as formulas: exact in the parameters and in the size of the matrices, with SymPy.

The contractions of `wick` with a variable for the size. A formula is written c sum_k c_k p_k, where c and the c_k are
products of whole and half powers of polynomials in the size, and the p_k polynomials in the parameters with integer
coefficients.

Formulas of square matrices hold from D = 4 on, where all blocks are there. At D = 3, f12 (v2 of symmetric matrices)
drops out by itself, its block being absent. At D = 2 they hold with the parameters of absent blocks and copies set to
0, as fits set them (f8, f10 to f13; of symmetric matrices h12, h22, v2, or vH and v2): leave out their terms, which may
divide by D - 2. Those of separate permutations hold for all m and n.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from math import gcd
from typing import Any, NamedTuple

import sympy
from sympy.polys.fields import FracField

from analysis.model.contractions import Form, Indices, expected_polynomials
from analysis.model.wick import delta_forms
from analysis.symmetry.choice import KINDS
from invariants import Graph

Number = Any
"""A rational number of SymPy."""
Powers = Mapping[Any, Number]
"""A product of irreducible polynomials in the size, with whole and half powers."""


class Coefficient(NamedTuple):
    """A function of the size: a rational number times a product of powers."""

    number: Number
    powers: Powers

    @property
    def expression(self) -> sympy.Expr:
        """As one expression."""
        return sympy.Mul(self.number, *(base**power for base, power in self.powers.items()))


class Group(NamedTuple):
    """Terms that share a coefficient in the size."""

    coefficient: Coefficient
    terms: tuple[tuple[int, tuple[int, ...]], ...]
    """Integer and monomial, the sorted positions of the parameters multiplied."""


class Formula(NamedTuple):
    """The expectation of an invariant, where sizes and parameters are variables."""

    graph: Graph
    kind: str
    """The symmetry, as in `KINDS`."""
    common: Coefficient
    """What stands in front of the sum of the groups."""
    groups: tuple[Group, ...]

    @property
    def expression(self) -> sympy.Expr:
        """In the symbols `sizes` and `parameters`."""
        variables = parameters(self.kind)
        sums = (
            group.coefficient.expression
            * sympy.Add(*(integer * sympy.Mul(*(variables[b] for b in monomial)) for integer, monomial in group.terms))
            for group in self.groups
        )
        return self.common.expression * sympy.Add(*sums)


class _Term(NamedTuple):
    coefficient: Coefficient
    monomial: tuple[int, ...]


def formula(graph: Graph, kind: str = "simultaneous") -> sympy.Expr:
    """E[I_G(M)] under the Gaussian law of a symmetry, as an expression in its parameters and in D, or m and n.

    Args:
        graph: the invariant.
        kind: "simultaneous" (f1..f13), "separate" (mean, v0, vC, vR, vE), "symmetric" or "zero-diagonal".

    Raises:
        ValueError: if the kind is unknown, or rows and columns are permuted apart and a node of the graph is both.

    Source: Isserlis' theorem; for the cubic and quartic invariants Barnes, Padellaro and Ramgoolam, arXiv:2101.04054.
    """
    return formulas((graph,), kind)[0].expression


def formulas(graphs: Sequence[Graph], kind: str = "simultaneous") -> tuple[Formula, ...]:
    """The `formula` of each graph with its structure; many at once share work.

    Raises:
        ValueError: as `formula`.
    """
    field = FracField(sizes(kind), sympy.QQ)
    for graph in graphs:
        KINDS[kind].check(graph)
    tensors = KINDS[kind].tensors_at(field.gens[0], field.gens[-1], lambda size: sympy.sqrt(size.as_expr()))
    unit = _exact(tensors.mean_unit)
    radicals = [*(_exact(radical) / unit for radical in tensors.mean_radicals), *map(_exact, tensors.radicals)]
    roots = [_root(_factorised(field.from_expr(radical**2))) for radical in radicals]
    forms = {graph: {b: field(value) for b, value in form.items()} for graph, form in delta_forms(tensors).items()}
    denominator = reduce(lambda a, b: a.lcm(b), (value.denom for form in forms.values() for value in form.values()))
    # As for numbers, over a common denominator: polynomials multiply much faster than rational functions.
    scaled = {graph: _times(form, denominator) for graph, form in forms.items()}
    found = expected_polynomials(graphs, scaled, Indices((field.ring.gens[-1], field.ring.gens[0]), tensors.separate))
    over = [field(denominator**degree) for degree in range(max((graph.degree for graph in graphs), default=0) + 1)]
    return tuple(
        _collected(graph, kind, [_term(m, field(c) / over[len(m)], roots) for m, c in polynomial.items() if c])
        for graph, polynomial in zip(graphs, found, strict=True)
    )


def sizes(kind: str) -> tuple[sympy.Symbol, ...]:
    """The variables for the size of the matrices: D, or m and n.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"symmetry {kind!r} is unknown: choose from {', '.join(KINDS)}")
    names = ("m", "n") if KINDS[kind].tensors.separate else ("D",)
    return tuple(sympy.Symbol(name, positive=True) for name in names)


def parameters(kind: str) -> tuple[sympy.Symbol, ...]:
    """The parameters as variables, in the order of `parameter_names`."""
    return tuple(map(sympy.Symbol, KINDS[kind].parameter_names))


def polynomial_latex(base: sympy.Expr) -> str:
    """A polynomial in the size in LaTeX."""
    return sympy.latex(base)


def _exact(radical: Any) -> sympy.Expr:
    """A radical that does not depend on the size is a floating-point 1."""
    return radical if isinstance(radical, sympy.Expr) else sympy.Integer(1)


def _times(form: Form, denominator: Any) -> Form:
    """The form times a polynomial that all its denominators divide, as polynomials."""
    products = {b: value * denominator for b, value in form.items()}
    return {b: value.numer.quo_ground(value.denom.LC) for b, value in products.items()}


def _factorised(value: Any) -> Coefficient:
    """A rational function as a number times powers of irreducible polynomials."""
    (above, numerators), (below, denominators) = value.numer.factor_list(), value.denom.factor_list()
    powers = {factor.as_expr(): sympy.Integer(power) for factor, power in numerators}
    powers |= {factor.as_expr(): sympy.Integer(-power) for factor, power in denominators}
    return Coefficient(sympy.Rational(above.numerator, above.denominator) / sympy.Integer(int(below)), powers)


def _scaled(powers: Powers, factor: Number) -> Powers:
    return {base: power * factor for base, power in powers.items()}


def _root(square: Coefficient) -> Coefficient:
    """The square root; that of a number as powers of primes."""
    primes: Any = sympy.factorrat(square.number)
    powers = {sympy.Integer(prime): sympy.Integer(power) for prime, power in primes.items()}
    return Coefficient(sympy.Integer(1), _scaled({**square.powers, **powers}, sympy.Rational(1, 2)))


def _product(*coefficients: Coefficient) -> Coefficient:
    """The product; of numbers to a power only square roots are left apart."""
    number, powers = sympy.Integer(1), {}
    for coefficient in coefficients:
        number *= coefficient.number
        for base, power in coefficient.powers.items():
            powers[base] = powers.get(base, 0) + power
    for base in [base for base in powers if base.is_Integer]:
        whole = sympy.floor(powers[base])
        number, powers[base] = number * base**whole, powers[base] - whole
    return Coefficient(number, {base: power for base, power in powers.items() if power})


def _term(monomial: tuple[int, ...], value: Any, roots: Sequence[Coefficient]) -> _Term:
    """The monomial with its coefficient, the radicals of its parameters included."""
    return _Term(_product(_factorised(value), *(roots[b] for b in monomial)), monomial)


def _collected(graph: Graph, kind: str, terms: list[_Term]) -> Formula:
    """What divides all terms in front, the others collected by what remains of their coefficients."""
    if not terms:
        return Formula(graph, kind, Coefficient(sympy.Integer(0), {}), ())
    common = _common([term.coefficient for term in terms])
    inverse = Coefficient(1 / common.number, _scaled(common.powers, sympy.Integer(-1)))
    groups: dict[frozenset, list[tuple[int, tuple[int, ...]]]] = {}
    # Products of means first, then those with variances.
    for term in sorted(terms, key=lambda term: (-len(term.monomial), term.monomial)):
        number, powers = _product(term.coefficient, inverse)
        groups.setdefault(frozenset(powers.items()), []).append((int(number), term.monomial))
    return Formula(graph, kind, common, tuple(_group(dict(key), members) for key, members in groups.items()))


def _group(powers: Powers, members: list[tuple[int, tuple[int, ...]]]) -> Group:
    """Terms over their greatest common divisor, which counts as part of their coefficient."""
    shared = gcd(*(integer for integer, _ in members))
    ordered = dict(sorted(powers.items(), key=lambda item: sympy.default_sort_key(item[0])))
    terms = tuple((integer // shared, monomial) for integer, monomial in members)
    return Group(Coefficient(sympy.Integer(shared), ordered), terms)


def _common(coefficients: Sequence[Coefficient]) -> Coefficient:
    """The greatest function of the size that leaves whole numbers, and powers of at least 0, when divided out."""
    above = gcd(*(int(number.p) for number, _ in coefficients))
    below = reduce(sympy.ilcm, (number.q for number, _ in coefficients))
    bases = {base for _, powers in coefficients for base in powers}
    least = {base: min(powers.get(base, sympy.Integer(0)) for _, powers in coefficients) for base in bases}
    ordered = sorted(least.items(), key=lambda item: sympy.default_sort_key(item[0]))
    return Coefficient(sympy.Rational(above, below), {base: power for base, power in ordered if power})

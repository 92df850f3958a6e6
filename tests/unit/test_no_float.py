"""No float is used in `talkmeter.billing`: neither literals, nor conversions, nor divisions of integers."""

import ast
from collections.abc import Iterator

import pytest

from tests.unit.prose import ROOT

MODULES = sorted((ROOT / "src" / "talkmeter" / "billing").rglob("*.py"))
FLOAT_MODULES = frozenset({"cmath", "numpy", "random", "statistics"})
EXACT_FROM_MATH = frozenset({"ceil", "comb", "floor", "gcd", "isqrt", "lcm"})
EXACT = frozenset({"Decimal", "Fraction", "read_decimal"})
"""Calls whose result divides exactly."""


def float_uses(source: str) -> Iterator[str]:
    """Yield each use of floats in a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=float() | complex()):
                yield ast.unparse(node)
            case ast.Name(id="float"):
                yield "float"
            case ast.Call(func=ast.Name(id="round" | "pow")):
                yield ast.unparse(node)
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in FLOAT_MODULES | {"math"})
            case ast.ImportFrom(module=module, names=names) if module == "math":
                yield from (f"math.{alias.name}" for alias in names if alias.name not in EXACT_FROM_MATH)
            case ast.ImportFrom(module=str(module)) if module in FLOAT_MODULES:
                yield module
            case ast.BinOp(op=ast.Div(), left=left, right=right) if not (_is_exact(left) or _is_exact(right)):
                yield ast.unparse(node)
            case ast.AugAssign(op=ast.Div()):
                yield ast.unparse(node)
            case _:
                pass


def _is_exact(operand: ast.expr) -> bool:
    """Return whether a division by or of the operand is exact, because it contains a fraction or a decimal."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in EXACT
        for node in ast.walk(operand)
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 0.5", ["0.5"]),
        ("x = 1e3", ["1000.0"]),
        ("x = float(y)", ["float"]),
        ("def f(x: float) -> None: ...", ["float"]),
        ("x = a / b", ["a / b"]),
        ("x /= 2", ["x /= 2"]),
        ("x = round(y, 2)", ["round(y, 2)"]),
        ("import statistics", ["statistics"]),
        ("from statistics import mean", ["statistics"]),
        ("import math", ["math"]),
        ("from math import sqrt, floor", ["math.sqrt"]),
        ("x = a // b", []),
        ("x = Fraction(a, 1) / b", []),
        ("x = a / read_decimal(b)", []),
        ("x = Decimal('0.5')", []),
    ],
)
def test_use_of_floats_is_found(source: str, found: list[str]) -> None:
    assert list(float_uses(source)) == found


def test_billing_uses_no_float() -> None:
    assert len(MODULES) > 10
    uses = {path.name: list(float_uses(path.read_text())) for path in MODULES}
    assert {name: found for name, found in uses.items() if found} == {}

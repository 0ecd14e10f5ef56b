"""Is the compiler to be trusted? What it computes is compared with NumPy before it computes anything for the user."""

from experiments.compiler.check import Finding, Verdict, examine, verdict

__all__ = ["Finding", "Verdict", "examine", "verdict"]

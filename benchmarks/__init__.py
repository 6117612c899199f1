"""The budgets of `docs/architecture.md`, measured: `python -m benchmarks`, or `make bench`.

Nothing here fails for being slow: machines differ, and what matters is in the ratios of one run. Each module is one
section, a function `measure` that gives its tables. May import everything; nothing imports it.
"""

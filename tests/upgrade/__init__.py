"""Databases as each released schema left them, made by that release's own code, and what becomes of them now."""

"""What Milepost is about, as plain values: the tree, plans, progress. No IO, clock, logging or framework.

May import the standard library's pure parts and rapidfuzz; nothing else of this project.
"""

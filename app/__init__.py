"""Milepost: the service. `core` is pure, `db` holds rows, `sync` moves things, `api`, `web`, `cli` are its doors.

Imports go downward only: cli, main → api, web, webhooks, jobs → sync → db, connectors, mappings → core.
"""

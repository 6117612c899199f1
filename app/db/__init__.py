"""What is stored: tables (`models`), the engine (`engine`), and every query, by noun (`trees`, `targets`, `mirror`,
`journal`). Rows become core values here and go no further up as rows than `app.sync`.

May import `app.core`.
"""

"""GitLab in a box: REST, GraphQL, webhooks and pages over one state in memory, as its documentation and source say.

`records.py` holds what is stored, `state.py` the verbs, `text.py` what GitLab does to people's text, `hooks.py` the
webhooks, `render.py` the REST shapes, `web.py` what every API request goes through, `rest*.py` and `graphql.py` the
APIs, `page.py` the pages, `box.py` the whole. May import the standard library, FastAPI, graphql-core, Jinja2,
markdown-it-py and `connectors/sandbox/kit.py`.
"""

from connectors.sandbox.gitlab.box import GitLabBox

__all__ = ["GitLabBox"]

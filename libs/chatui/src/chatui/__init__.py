"""The pages' common face: templates, styles and ES modules, served under one versioned address.

- `install(app, "/messaging/static")` is all a gateway calls; then `render_template("chatui/staff.html")`,
  `"chatui/portal.html"` and `"chatui/problem.html"` work. The first two need no values: their addresses are the
  protocol's, and who is signed in comes from `GET …/api/me`.
- `chatui/problem.html` needs `plane` ("staff" or "portal") and `problem`: one of "permission_required", "not_found",
  "sign_in_failed", "signed_out", "unavailable", "unknown"; anything else reads as "unknown". `signed_in_as` (a name)
  is optional and offers to sign in as somebody else.
- Every page works under `CONTENT_SECURITY_POLICY`: no inline script, no inline style, nothing from elsewhere.
- A page and all it loads come from one version: the content's hash is a folder in the path, an unknown one is 404.
"""

from chatui.face import CONTENT_SECURITY_POLICY, install

__all__ = ["CONTENT_SECURITY_POLICY", "install"]

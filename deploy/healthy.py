"""Exit 0 when this container's service answers that it is ready; 1 otherwise. Plain http.client: it runs often."""

import http.client
import os
import sys

asked = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=3)
try:
    asked.request("GET", "/readyz")
    sys.exit(asked.getresponse().status != http.client.OK)
except OSError:
    sys.exit(1)

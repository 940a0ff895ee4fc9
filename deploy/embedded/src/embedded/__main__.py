"""`python -m embedded`: gevent patches everything before anything else is imported, then Messages runs."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - after the patching

from embedded.app import main  # noqa: E402

sys.exit(main())

"""`python -m conversations.relay` is `conversations relay`."""

from conversations.cli import main

if __name__ == "__main__":
    main(["relay"])

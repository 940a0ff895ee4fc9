"""`python -m conversations.relay` is `conversations relay`."""

from conversations.relay.process import main

if __name__ == "__main__":
    main()

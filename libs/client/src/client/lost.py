"""What a client says when it does not know how a call ended."""


class LineLost(ConnectionError):
    """No answer came: whether it was done is not known, so it is worth repeating under the same client id."""

"""The queries, by what they are about; each runs inside the transaction of its caller and commits nothing."""

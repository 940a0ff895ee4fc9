"""A real server that speaks S3, for tests: rclone's, over a folder; each bucket is a folder in it.

with s3.running(folder) as server:
    bucket = Bucket(server.place("files"))
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from minio import Minio

from conversations.files.s3 import Place
from tests.support import children
from tests.support.children import Child
from tests.support.ports import LOOPBACK, free_port, listens, wait_until

RCLONE = Path(sys.executable).parent / "rclone"
ACCESS, SECRET = "clinic", "the-clinics-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running server: it knows one key, and signatures by any other are refused."""

    port: int
    folder: Path
    child: Child = field(repr=False)

    def place(self, bucket: str, *, secret: str = SECRET) -> Place:
        """Make a bucket, where there is none of this name, and return where it is."""
        address = f"{LOOPBACK}:{self.port}"
        ours = Minio(address, access_key=ACCESS, secret_key=SECRET, secure=False, region="us-east-1")
        if not ours.bucket_exists(bucket):
            ours.make_bucket(bucket)
        return Place(endpoint=f"http://{address}", bucket=bucket, access_key=ACCESS, secret_key=secret)


@contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """Give a server whose buckets lie in `folder`."""
    port = free_port()
    buckets = folder / "buckets"
    buckets.mkdir()
    command = [str(RCLONE), "serve", "s3", "--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{ACCESS},{SECRET}"]
    environ = {"RCLONE_CONFIG": "/dev/null", "HOME": str(folder), "RCLONE_CACHE_DIR": str(folder / "cache")}
    child = children.start("s3", [*command, str(buckets)], log=folder / "s3.log", environ=environ)
    try:
        wait_until(lambda: listens(LOOPBACK, port), within_s=20, what=f"an S3 server: {child.last_words()}")
        yield S3Server(port=port, folder=buckets, child=child)
    finally:
        child.stop()

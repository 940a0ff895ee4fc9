"""Implements `files.storage.Storage` in a bucket of any server that speaks S3.

A large file goes up in parts of 5 MiB, one after the other: the library holds three copies of a part, so a file of any
size takes 16 MB of memory. What a process that died has left half sent is ended by `tidy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError

from conversations.files.storage import PIECE, Gone
from wire.problems import Unavailable

PART: Final = 5 * 1024 * 1024
"""The smallest part that S3 takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which bucket, and the keys to it."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = "us-east-1"


class Bucket:
    """Implements `Storage`; nothing connects before it is used."""

    def __init__(self, place: Place) -> None:
        address = urlsplit(place.endpoint)
        self._name = place.bucket
        self._client = Minio(
            address.netloc,
            access_key=place.access_key,
            secret_key=place.secret_key,
            secure=address.scheme == "https",
            region=place.region,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=3, read=20),
                maxsize=16,
                retries=urllib3.Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
            ),
        )

    def put(self, place: str, content: IO[bytes], size: int) -> None:
        content.seek(0)
        try:
            self._client.put_object(
                self._name, place, cast("Any", content), size, part_size=PART, num_parallel_uploads=1
            )
        except (MinioException, HTTPError, OSError) as away:
            raise Unavailable from away

    def open(self, place: str, *, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        length = 0 if last is None else last - first + 1
        try:
            answer = self._client.get_object(self._name, place, offset=first, length=length)
        except (S3Error, InvalidResponseError) as refused:
            if self._is_gone(place, refused):
                raise Gone from None
            raise Unavailable from refused
        except (MinioException, HTTPError, OSError) as away:
            raise Unavailable from away
        return _read(answer)

    def remove(self, place: str) -> None:
        try:
            self._client.remove_object(self._name, place)
        except (MinioException, HTTPError, OSError) as away:
            raise Unavailable from away

    def tidy(self, before: datetime) -> int:
        # The library offers no public way to what is half sent.
        client = cast("Any", self._client)
        try:
            # Places hold no slash: this delimiter leaves none out, and some servers take an empty one amiss.
            begun = client._list_multipart_uploads(self._name, delimiter="/").uploads  # noqa: SLF001 - as said above
            late = [one for one in begun if one.initiated_time is not None and one.initiated_time < before]
            for one in late:
                client._abort_multipart_upload(self._name, one.object_name, one.upload_id)  # noqa: SLF001 - as above
        except (MinioException, HTTPError, OSError) as away:
            raise Unavailable from away
        return len(late)

    def _is_gone(self, place: str, refused: MinioException) -> bool:
        """Tell whether an object is not there; asked by its head where the library could not read the answer.

        It reads no error whose content type is text/xml, as some servers say; a head has no content.
        """
        if isinstance(refused, InvalidResponseError):
            try:
                self._client.stat_object(self._name, place)
            except S3Error as again:
                refused = again
            except (MinioException, HTTPError, OSError) as away:
                raise Unavailable from away
        return isinstance(refused, S3Error) and refused.code == "NoSuchKey"


def _read(answer: Any) -> Iterator[bytes]:  # noqa: ANN401 - urllib3's response, by one of its many names
    try:
        while piece := answer.read(PIECE):
            yield piece
    except HTTPError as cut:
        raise Unavailable from cut
    finally:
        answer.close()
        answer.release_conn()

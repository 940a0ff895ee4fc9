"""Pictures drawn anew: what they show is kept, where and with what they were taken is not, and bombs stay unopened."""

import io
import time

import pillow_heif
import pytest
from PIL import Image

from conversations.files import kinds, pictures
from conversations.files.kinds import Kind
from tests.support import papers
from wire.problems import UnsupportedMedia


def drawn(content: bytes, kind: Kind) -> tuple[pictures.Drawn, bytes]:
    """Return what a picture became, and its bytes."""
    anew = io.BytesIO()
    return pictures.redraw(io.BytesIO(content), kind, anew), anew.getvalue()


@pytest.mark.parametrize(("name", "kind"), [("JPEG", kinds.JPEG), ("PNG", kinds.PNG), ("WEBP", kinds.WEBP)])
def test_neither_place_nor_camera_survives(name: str, kind: Kind) -> None:
    """The picture says nothing any more; nor does its thumbnail."""
    before = papers.photograph(kind=name)
    assert papers.CAMERA.encode() in before

    became, after = drawn(before, kind)

    for content in (after, became.thumbnail):
        shown = Image.open(io.BytesIO(content))
        assert dict(shown.getexif()) == {}
        assert papers.CAMERA.encode() not in content
        assert not {"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp"} & set(shown.info)


def test_a_heic_becomes_a_jpeg_without_its_place() -> None:
    """What few devices show is kept as what all do."""
    kept = io.BytesIO()
    picture = Image.open(io.BytesIO(papers.photograph()))
    pillow_heif.from_pillow(picture).save(kept, exif=picture.getexif().tobytes())
    assert papers.CAMERA.encode() in kept.getvalue()

    became, after = drawn(kept.getvalue(), kinds.HEIC)

    assert became.kind is kinds.JPEG
    assert Image.open(io.BytesIO(after)).format == "JPEG"
    assert papers.CAMERA.encode() not in after
    assert (became.width, became.height) == (640, 480)


def test_it_is_turned_upright() -> None:
    """What the camera said about turning is done, since it is no longer said."""
    became, after = drawn(papers.photograph((400, 200), turned=6), kinds.JPEG)

    shown = Image.open(io.BytesIO(after)).convert("RGB")
    assert (became.width, became.height) == shown.size == (200, 400)
    red, _, blue = shown.getpixel((190, 10))  # type: ignore[misc] # an RGB picture's
    assert blue > 200 > red


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16", "1"])
def test_every_mode_of_a_png_is_drawn(mode: str) -> None:
    """Grey, palettes, with holes, sixteen bits: a PNG of the same size, and a thumbnail."""
    became, after = drawn(papers.picture("PNG", (900, 300), mode), kinds.PNG)

    assert Image.open(io.BytesIO(after)).size == (900, 300)
    assert Image.open(io.BytesIO(became.thumbnail)).size == (pictures.SMALL, 160)


def test_a_picture_for_print_is_drawn_for_screens() -> None:
    """CMYK is not shown right by browsers."""
    _, after = drawn(papers.picture("JPEG", mode="CMYK"), kinds.JPEG)

    assert Image.open(io.BytesIO(after)).mode == "RGB"


@pytest.mark.parametrize(("name", "kind"), [("GIF", kinds.GIF), ("WEBP", kinds.WEBP)])
def test_what_moves_goes_on_moving(name: str, kind: Kind) -> None:
    """All of its frames."""
    _, after = drawn(papers.moving(name, frames=4), kind)

    assert getattr(Image.open(io.BytesIO(after)), "n_frames", 1) == 4


def test_what_hides_behind_a_picture_does_not_survive() -> None:
    """A page, a script or an archive appended to a photograph, or kept in its comment."""
    hidden = b"<script>alert(1)</script>" + papers.zipped({"evil.js": b"canary"})

    _, after = drawn(papers.photograph() + hidden, kinds.JPEG)

    assert b"script" not in after
    assert b"PK\x05\x06" not in after


def test_a_bomb_is_refused_unopened() -> None:
    """A few kilobytes that would be ten gigabytes: told by its first bytes, at once."""
    bomb = papers.png_bomb()
    began = time.perf_counter()

    with pytest.raises(UnsupportedMedia, match="too large"):
        pictures.redraw(io.BytesIO(bomb), kinds.PNG, io.BytesIO())

    assert time.perf_counter() - began < 0.5


def test_many_frames_count_as_what_they_are_together() -> None:
    """A moving picture of endless frames is a bomb as well."""
    with pytest.raises(UnsupportedMedia, match="too large"):
        pictures.redraw(io.BytesIO(papers.moving(frames=pictures.FRAMES_MOST + 1)), kinds.GIF, io.BytesIO())


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (papers.photograph()[:900], kinds.JPEG),
        (b"\xff\xd8\xff\xe0" + b"\0" * 500, kinds.JPEG),
        (b"GIF89a" + b"\xff" * 40, kinds.GIF),
        (b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 30, kinds.WEBP),
        (papers.picture("PNG")[:60], kinds.PNG),
        (papers.picture("PNG"), kinds.JPEG),
        (b"\0\0\0\x18ftypheic" + b"\0" * 90, kinds.HEIC),
    ],
)
def test_a_damaged_picture_is_refused(content: bytes, kind: Kind) -> None:
    """Cut short, or only its beginning right: a sentence, never a failure of ours."""
    with pytest.raises(UnsupportedMedia, match="damaged"):
        pictures.redraw(io.BytesIO(content), kind, io.BytesIO())

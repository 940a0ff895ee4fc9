"""Pictures drawn anew: what they show and nothing else, and small ones to look at first.

* No place, camera, date, comment or hidden file survives: only the picture elements are carried over, turned upright
  and in the colours a screen expects (sRGB).
* How large a picture becomes is known before it is unpacked; what would be too large is refused unopened.
* Moving pictures stay moving, within the same bound over all their frames.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import IO, Any, Final

import pillow_heif
from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

from conversations.files.kinds import GIF, HEIC, JPEG, PNG, WEBP, Kind
from wire.problems import UnsupportedMedia

PIXELS_MOST: Final = 50_000_000
"""As many as the largest cameras of phones make, and 200 MB when it is unpacked."""
SIDE_MOST: Final = 20_000
SMALL: Final = 480
"""Picture elements at the longer side of a thumbnail."""
FRAMES_MOST: Final = 500
QUALITY: Final = 92
SMALL_QUALITY: Final = 80

_FORMATS: Final = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", WEBP: "WEBP", HEIC: "HEIF"}
_SRGB: Final = ImageCms.createProfile("sRGB")
_WHITE: Final = (255, 255, 255)

pillow_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What a picture became; `kind` is another one where the first cannot be shown everywhere."""

    kind: Kind
    width: int
    height: int
    thumbnail: bytes


def redraw(content: IO[bytes], kind: Kind, out: IO[bytes]) -> Drawn:
    """Write a picture, and nothing but the picture, to `out`; UnsupportedMedia when it is none or is too large."""
    content.seek(0)
    try:
        with warnings.catch_warnings(), Image.open(content, formats=[_FORMATS[kind]]) as picture:
            warnings.simplefilter("ignore")
            _insist_on_size(picture)
            return _drawn(picture, kind, out)
    except UnidentifiedImageError:
        raise _damaged() from None
    except Image.DecompressionBombError:
        raise _too_large() from None
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, RuntimeError, MemoryError):
        # What a damaged picture makes of its decoder: Pillow's readers raise nearly anything.
        raise _damaged() from None


def _insist_on_size(picture: Image.Image) -> None:
    width, height = picture.size
    frames = getattr(picture, "n_frames", 1) if picture.format in {"GIF", "WEBP"} else 1
    if max(width, height) > SIDE_MOST or frames > FRAMES_MOST or width * height * frames > PIXELS_MOST:
        raise _too_large()


def _drawn(picture: Image.Image, kind: Kind, out: IO[bytes]) -> Drawn:
    if getattr(picture, "is_animated", False) and kind in (GIF, WEBP):
        return _moving(picture, kind, out)
    upright = ImageOps.exif_transpose(picture)
    plain = _plain(upright, kind)
    if kind in (JPEG, HEIC):
        plain.save(out, "JPEG", quality=QUALITY, optimize=True)
    elif kind is WEBP:
        plain.save(out, "WEBP", quality=QUALITY, method=2)
    else:
        plain.save(out, _FORMATS[kind])
    return _with_thumbnail(plain, JPEG if kind is HEIC else kind)


def _moving(picture: Image.Image, kind: Kind, out: IO[bytes]) -> Drawn:
    frames, times = [], []
    for frame in ImageSequence.Iterator(picture):
        frames.append(_bare(frame.convert("RGBA")))
        times.append(frame.info.get("duration", 100))
    more: dict[str, Any] = {"disposal": 2} if kind is GIF else {"quality": SMALL_QUALITY, "method": 0}
    loop = picture.info.get("loop", 0)
    frames[0].save(out, _FORMATS[kind], save_all=True, append_images=frames[1:], duration=times, loop=loop, **more)
    return _with_thumbnail(frames[0], kind)


def _with_thumbnail(picture: Image.Image, kind: Kind) -> Drawn:
    small = picture.convert("RGBA" if _may_be_seen_through(picture) else "RGB")
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    if small.mode == "RGBA":
        ground = Image.new("RGB", small.size, _WHITE)
        ground.paste(small, mask=small.getchannel("A"))
        small = ground
    kept = io.BytesIO()
    small.save(kept, "JPEG", quality=SMALL_QUALITY, optimize=True)
    return Drawn(kind=kind, width=picture.width, height=picture.height, thumbnail=kept.getvalue())


def _plain(picture: Image.Image, kind: Kind) -> Image.Image:
    """Return the picture elements in a mode its format knows, in sRGB, and nothing they came with."""
    plain = _in_srgb(picture)
    if kind in (JPEG, HEIC):
        plain = plain if plain.mode in {"L", "RGB"} else plain.convert("RGB")
    elif kind is WEBP:
        plain = plain.convert("RGBA" if _may_be_seen_through(plain) else "RGB")
    return _bare(plain)


def _in_srgb(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in {"RGB", "RGBA", "CMYK", "L"}:
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = picture.mode if picture.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(picture, source, _SRGB, outputMode=mode) or picture
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture  # a profile that is none; the colours stay as they are


def _bare(picture: Image.Image) -> Image.Image:
    """Return the picture without what it carries along; that a palette has a transparent colour belongs to it."""
    seen_through = picture.info.get("transparency")
    bare = picture.copy()
    bare.info = {} if seen_through is None else {"transparency": seen_through}
    return bare


def _may_be_seen_through(picture: Image.Image) -> bool:
    return picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info


def _too_large() -> UnsupportedMedia:
    return UnsupportedMedia(f"This picture is too large: at most {PIXELS_MOST // 1_000_000} million picture elements.")


def _damaged() -> UnsupportedMedia:
    return UnsupportedMedia("This picture is damaged, or is not what it says it is.")

"""Files as people send them, and as those who mean harm do: each made here, byte by byte where it matters."""

import io
import struct
import zipfile
import zlib

from PIL import Image

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
PLACE = (40.0, 42.0, 51.0)
"""Degrees, minutes, seconds: where a photograph says it was taken."""
CAMERA = "Canary Camera 9"


def photograph(
    size: tuple[int, int] = (640, 480), *, kind: str = "JPEG", turned: int = 1, colour: str = "salmon"
) -> bytes:
    """Return a picture that says where and with what it was taken, and how it is to be turned."""
    picture = Image.new("RGB", size, colour)
    # The upper left corner, so that one sees how it was turned.
    picture.paste((0, 0, 255), (0, 0, size[0] // 4, size[1] // 4))
    exif = Image.Exif()
    exif[0x0110] = CAMERA
    exif[0x0112] = turned
    exif[0x8825] = {1: "N", 2: PLACE, 3: "W", 4: PLACE}
    kept = io.BytesIO()
    picture.save(kept, kind, exif=exif.tobytes())
    return kept.getvalue()


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """Return a plain picture."""
    kept = io.BytesIO()
    Image.new(mode, size).save(kept, kind)
    return kept.getvalue()


def moving(kind: str = "GIF", frames: int = 3) -> bytes:
    """Return a picture that moves."""
    drawn = [Image.new("RGB", (32, 24), (n * 60 % 256, 0, 0)) for n in range(frames)]
    kept = io.BytesIO()
    drawn[0].save(kept, kind, save_all=True, append_images=drawn[1:], duration=50, loop=0)
    return kept.getvalue()


def png_bomb(side: int = 60_000) -> bytes:
    """Return a PNG of a few kilobytes that would be gigabytes when it is unpacked."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack("!L", len(content)) + name + content + struct.pack("!L", zlib.crc32(name + content))

    header = struct.pack("!LLBBBBB", side, side, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def sheet(colour: tuple[int, int, int]) -> bytes:
    """Return a PDF whose one page is all of one colour."""
    kept = io.BytesIO()
    Image.new("RGB", (420, 594), colour).save(kept, "PDF")
    return kept.getvalue()


def zipped(entries: dict[str, bytes]) -> bytes:
    """Return a ZIP with these entries, in order, the first as it is and the others packed."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as made:
        for place, (name, content) in enumerate(entries.items()):
            made.writestr(name, content, zipfile.ZIP_DEFLATED if place else zipfile.ZIP_STORED)
    return kept.getvalue()


def docx(**more: bytes) -> bytes:
    """Return the least that Word opens, and more entries by name."""
    return zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>", **more})


def odt(**more: bytes) -> bytes:
    """Return the least that a word processor opens."""
    return zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<document/>", **more})

"""What a file is, told from its bytes and never from what somebody says it is.

* A list of what is taken; everything else is refused with a sentence. Pages, scripts, programs and SVG are not taken,
  nor documents with macros.
* A file that is two things at once (a PDF with an archive behind it, a text that a browser would take for a page) is
  refused; pictures are drawn anew, so nothing that hides in one survives (`files.pictures`).
* Read in pieces; no archive is unpacked.
"""

from __future__ import annotations

import codecs
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from wire.problems import UnsupportedMedia

PIECE: Final = 64 * 1024
HEAD: Final = 4096
"""Bytes at the beginning in which a file says what it is."""

TAKEN: Final = (
    "Pictures (JPEG, PNG, GIF, WebP, HEIC), PDF, plain text and CSV, Word, Excel, PowerPoint and OpenDocument files, "
    "and sound and video (MP3, M4A, OGG, WAV, MP4, MOV, WebM) can be sent."
)
ENTRIES_MOST: Final = 5_000
UNPACKED_MOST: Final = 500_000_000
"""Bytes that an office document may become when it is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of file that is taken; a name of it ends in one of `endings`, the first where it has none."""

    media_type: str
    endings: tuple[str, ...]
    picture: bool = False
    shown: bool = False
    """Whether a browser may show it; all others are downloads."""


def _picture(media_type: str, *endings: str) -> Kind:
    return Kind(media_type=media_type, endings=endings, picture=True, shown=True)


def _file(media_type: str, *endings: str) -> Kind:
    return Kind(media_type=media_type, endings=endings)


JPEG: Final = _picture("image/jpeg", ".jpg", ".jpeg", ".jfif")
PNG: Final = _picture("image/png", ".png")
GIF: Final = _picture("image/gif", ".gif")
WEBP: Final = _picture("image/webp", ".webp")
HEIC: Final = _picture("image/heic", ".heic", ".heif")
"""Taken and kept as JPEG: few but its maker's devices can show it."""
PDF: Final = Kind(media_type="application/pdf", endings=(".pdf",), shown=True)
TEXT: Final = _file("text/plain", ".txt", ".text", ".log", ".md")
CSV: Final = _file("text/csv", ".csv")
_OOXML: Final = "application/vnd.openxmlformats-officedocument"
DOCX: Final = _file(f"{_OOXML}.wordprocessingml.document", ".docx")
XLSX: Final = _file(f"{_OOXML}.spreadsheetml.sheet", ".xlsx")
PPTX: Final = _file(f"{_OOXML}.presentationml.presentation", ".pptx")
_ODF: Final = "application/vnd.oasis.opendocument"
ODT: Final = _file(f"{_ODF}.text", ".odt")
ODS: Final = _file(f"{_ODF}.spreadsheet", ".ods")
ODP: Final = _file(f"{_ODF}.presentation", ".odp")
MP4: Final = _file("video/mp4", ".mp4", ".m4v")
MOV: Final = _file("video/quicktime", ".mov", ".qt")
M4A: Final = _file("audio/mp4", ".m4a")
MP3: Final = _file("audio/mpeg", ".mp3")
OGG: Final = _file("audio/ogg", ".ogg", ".oga", ".opus")
OGV: Final = _file("video/ogg", ".ogv", ".ogg")
WAV: Final = _file("audio/wav", ".wav")
WEBM: Final = _file("video/webm", ".webm")
WEBA: Final = _file("audio/webm", ".weba", ".webm")

KINDS: Final = {
    kind.media_type: kind
    for kind in (
        *(JPEG, PNG, GIF, WEBP, HEIC, PDF, TEXT, CSV, DOCX, XLSX, PPTX, ODT, ODS, ODP),
        *(MP4, MOV, M4A, MP3, OGG, OGV, WAV, WEBM, WEBA),
    )
}

_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"%PDF-", PDF),
    (b"ID3", MP3),
)
_BRANDS: Final = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"mif1"), HEIC),
    **dict.fromkeys((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash"), MP4),
    **dict.fromkeys((b"M4A ", b"M4B "), M4A),
    b"qt  ": MOV,
}
_OFFICE: Final = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "ppt/presentation.xml": PPTX}
_OPEN_DOCUMENTS: Final = {kind.media_type.encode(): kind for kind in (ODT, ODS, ODP)}
_MACROS: Final = re.compile(r"vbaproject\.bin$|/activex/|^basic/|^scripts/|/macrosheets/", re.IGNORECASE)

# What makes a browser see a page, anywhere and at the beginning: https://mimesniff.spec.whatwg.org/ section 7.1.
_PAGE: Final = re.compile(rb"<(!doctype|html|script|svg|iframe|body|object|embed)[\s/>]|<\?(xml|php|=)", re.IGNORECASE)
_PAGE_BEGINS: Final = re.compile(
    rb"\s*<(!--|head|style|title|table|div|font|img|meta|link|base|form|h1|br|p|a|b|%|\?)[\s/>]?", re.IGNORECASE
)
_PROGRAM_BEGINS: Final = (b"#!", b"MZ", b"\x7fELF", b"@echo", b"{\\rtf", b"%!PS")
_PROGRAM_ENDS: Final = re.compile(
    r"\.(app|aspx?|bash|bat|cmd|com|cpl|desktop|exe|hta|html?|inf|jar|jse?|jsp|lnk|mht|mjs|msi|php|pif|pl|ps1|py|rb|reg"
    r"|scr|sh|shtml|svg|url|vb[es]|ws[fh]|xhtml?|xml|xsl)\s*$",
    re.IGNORECASE,
)
_ARCHIVE_ENDS: Final = b"PK\x05\x06"
_ARCHIVE_TAIL: Final = 65_535 + 22
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def kind_of(content: IO[bytes], name: str) -> Kind:
    """Return what a file is; UnsupportedMedia, with a sentence, when it is nothing that is taken."""
    head = _at(content, 0, HEAD)
    kind = _by_beginning(head) or _archived(content, head) or _written(content, head, name)
    if kind is None:
        raise UnsupportedMedia(f"This kind of file cannot be sent. {TAKEN}")
    if not kind.picture:
        _insist_on_one_thing(content, head)
    return kind


def _by_beginning(head: bytes) -> Kind | None:
    for begins, kind in _BEGINNINGS:
        if head.startswith(begins):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head.startswith(b"OggS"):
        return OGV if b"theora" in head[:512] else OGG
    if head.startswith(b"\x1aE\xdf\xa3") and b"webm" in head[:64]:
        return WEBM if b"V_VP" in head or b"V_AV1" in head else WEBA
    return MP3 if _is_mp3_frame(head) else None


def _is_mp3_frame(head: bytes) -> bool:
    """Tell whether it begins with a frame of MPEG audio layer III with a bit rate and a sampling rate that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # noqa: PLR2004 - 11 bits of sync, layer III
        return False
    return head[1] & 0x18 != 0x08 and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3  # noqa: PLR2004


def _archived(content: IO[bytes], head: bytes) -> Kind | None:
    """Return which office document an archive is; any other archive is not taken."""
    if not head.startswith(b"PK\x03\x04"):
        return None
    try:
        content.seek(0)
        with zipfile.ZipFile(content) as archive:
            return _document(archive)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError, RuntimeError):
        raise UnsupportedMedia("This document is damaged, or locked with a password.") from None


def _document(archive: zipfile.ZipFile) -> Kind | None:
    found = archive.infolist()
    if len(found) > ENTRIES_MOST or sum(one.file_size for one in found) > UNPACKED_MOST:
        raise UnsupportedMedia("This document becomes too large when it is opened.")
    names = {one.filename for one in found}
    if any(_MACROS.search(name) for name in names):
        raise UnsupportedMedia("Documents with macros cannot be sent: save it without them.")
    if found and found[0].filename == "mimetype" and found[0].file_size < 100:  # noqa: PLR2004 - a media type's length
        return _OPEN_DOCUMENTS.get(archive.read(found[0]).strip())
    if "[Content_Types].xml" not in names:
        return None
    return next((kind for name, kind in _OFFICE.items() if name in names), None)


def _written(content: IO[bytes], head: bytes, name: str) -> Kind | None:
    """Return the kind of a text; None unless all of it is one, and nothing that is run or shown as a page."""
    if _PROGRAM_ENDS.search(name) or head.startswith(_PROGRAM_BEGINS) or _PAGE_BEGINS.match(head) or not head:
        return None
    if not (_decodes(content, head) and not _looks_like_a_page(content)):
        return None
    return CSV if name.strip().lower().endswith(".csv") else TEXT


def _decodes(content: IO[bytes], head: bytes) -> bool:
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and any(_CONTROL.search(piece) for piece in _pieces(content)):
        return False
    for encoding in ("utf-16",) if wide else ("utf-8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for piece in _pieces(content):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeError:
            continue
        return True
    return False


def _looks_like_a_page(content: IO[bytes]) -> bool:
    """Tell whether a browser that ignores what we say would see a page; UTF-16 is read as if it were one byte each."""
    carried = b""
    for piece in _pieces(content):
        seen = carried + piece.replace(b"\0", b"")
        if _PAGE.search(seen):
            return True
        carried = seen[-32:]
    return False


def _insist_on_one_thing(content: IO[bytes], head: bytes) -> None:
    size = content.seek(0, 2)
    tail = _at(content, max(0, size - _ARCHIVE_TAIL), _ARCHIVE_TAIL)
    is_archive = head.startswith(b"PK\x03\x04")
    begun = tail.rfind(_ARCHIVE_ENDS)
    whole = begun >= 0 and begun + 22 + int.from_bytes(tail[begun + 20 : begun + 22], "little") == len(tail)
    if whole != is_archive or (_PAGE.search(head[:1024])):
        raise UnsupportedMedia("This file is more than one thing at once, which is how harmful files hide.")


def _at(content: IO[bytes], place: int, length: int) -> bytes:
    content.seek(place)
    return content.read(length)


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    content.seek(0)
    while piece := content.read(PIECE):
        yield piece

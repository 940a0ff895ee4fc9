"""What a file is, by its bytes: what is taken is told right, what hides something is not taken, names are harmless."""

import io
import struct
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.files import kinds, names
from conversations.files.kinds import Kind, kind_of
from tests.support import papers
from wire.problems import UnsupportedMedia

WAV = b"RIFF" + struct.pack("<L", 40) + b"WAVEfmt " + b"\0" * 30


def box(brand: bytes) -> bytes:
    """Return the beginning of an ISO base media file of this brand."""
    return struct.pack("!L", 24) + b"ftyp" + brand + b"\0\0\2\0" + brand + b"isom" + b"\0" * 64


TAKEN: dict[str, tuple[bytes, str, Kind]] = {
    "a photograph": (papers.photograph(), "IMG_1.JPG", kinds.JPEG),
    "a PNG": (papers.picture("PNG"), "scan.png", kinds.PNG),
    "a GIF": (papers.moving("GIF"), "wave.gif", kinds.GIF),
    "a WebP": (papers.picture("WEBP"), "x.webp", kinds.WEBP),
    "a PDF": (papers.PDF, "letter.pdf", kinds.PDF),
    "a text": ("Grüße, 37.5 °C — ok\n".encode(), "note.txt", kinds.TEXT),
    "a text of another time": ("Grüße".encode("cp1252"), "note.txt", kinds.TEXT),
    "a text of two bytes each": ("Привет".encode("utf-16"), "note.txt", kinds.TEXT),
    "a text without an ending": (b"1 < 2, and x<y", "README", kinds.TEXT),
    "a table": (b"name;value\r\npulse;72\r\n", "values.CSV", kinds.CSV),
    "Word": (papers.docx(), "letter.docx", kinds.DOCX),
    "OpenDocument": (papers.odt(), "letter.odt", kinds.ODT),
    "MP3": (b"ID3\x04\0\0\0\0\0\x0a" + b"\0" * 64, "voice.mp3", kinds.MP3),
    "MP3 without a tag": (b"\xff\xfb\x90\x64" + b"\0" * 64, "voice.mp3", kinds.MP3),
    "WAV": (WAV, "voice.wav", kinds.WAV),
    "OGG": (b"OggS\0\2" + b"\0" * 22 + b"OpusHead" + b"\0" * 64, "voice.ogg", kinds.OGG),
    "WebM": (b"\x1aE\xdf\xa3\x9fB\x82\x84webm" + b"\0" * 40 + b"V_VP9" + b"\0" * 64, "walk.webm", kinds.WEBM),
    "sound in WebM": (b"\x1aE\xdf\xa3\x9fB\x82\x84webm" + b"\0" * 40 + b"A_OPUS", "voice.webm", kinds.WEBA),
    "MP4": (box(b"isom"), "walk.mp4", kinds.MP4),
    "M4A": (box(b"M4A "), "voice.m4a", kinds.M4A),
    "MOV": (box(b"qt  "), "walk.mov", kinds.MOV),
    "HEIC": (box(b"heic"), "IMG_2.HEIC", kinds.HEIC),
}

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty.txt"),
    "SVG": (b"<svg onload=alert(1)>", "picture.svg"),
    "SVG that says it is a photograph": (SVG, "picture.jpg"),
    "a page": (b"<!doctype html><p>hello", "page.html"),
    "a page that says it is a text": (b"\xef\xbb\xbf  <html><script>alert(1)</script>", "page.txt"),
    "a page after a long text": (b"words " * 30_000 + b"<script>alert(1)</script>", "page.txt"),
    "a page across two pieces": (b"w" * (kinds.PIECE - 4) + b"<script>alert(1)</script>", "page.txt"),
    "a page of two bytes a character": ("<html><script>alert(1)</script>".encode("utf-16"), "page.txt"),
    "a comment that begins a page": (b"<!-- x --> <b>hello</b>", "page.txt"),
    "a script by its first line": (b"#!/bin/sh\nrm -rf /\n", "clean"),
    "a script by its name": (b"del *.*\r\n", "clean.bat"),
    "a script by its name and a space": (b"del *.*\r\n", "clean.cmd "),
    "a program": (b"MZ\x90\0" + b"\0" * 64, "setup.exe"),
    "a program that says it is a PDF": (b"\x7fELF\2\1\1" + b"\0" * 64, "letter.pdf"),
    "bytes of any kind": (bytes(range(256)), "data.bin"),
    "an archive": (papers.zipped({"a.txt": b"a"}), "a.zip"),
    "an archive that says it is Word": (papers.zipped({"a.txt": b"a", "word/other.xml": b""}), "a.docx"),
    "a damaged document": (papers.docx()[:-30], "a.docx"),
    "a document with macros": (papers.docx(**{"word/vbaProject.bin": b"\0"}), "a.docx"),
    "an OpenDocument with macros": (papers.odt(**{"Basic/Standard/Module1.xml": b"x"}), "a.odt"),
    "a document that becomes enormous": (
        papers.docx(**{f"word/{n}": b"\0" * 60_000_000 for n in range(9)}),
        "a.docx",
    ),
    "a PDF with an archive behind it": (papers.PDF + papers.zipped({"evil.js": b"x"}), "letter.pdf"),
    "a PDF that a browser takes for a page": (b"%PDF-1.7\n<html><script>alert(1)</script>\n%%EOF", "letter.pdf"),
    "a PDF that begins late": (b"GARBAGE\n" + papers.PDF + b"\0", "letter.pdf"),
    "sound with a page in it": (b"ID3\x04\0\0\0\0\0\x0a<script>alert(1)</script>", "voice.mp3"),
    "a document with something behind it": (papers.docx() + b"<script>alert(1)</script>", "a.docx"),
    "a text with an archive behind it": (b"words\n" + papers.zipped({"a": b"abc"}), "a.txt"),
    "rich text": (b"{\\rtf1 \\object}", "letter.rtf"),
    "PostScript": (b"%!PS-Adobe-3.0\n(/etc/passwd) run", "a.ps"),
    "another brand": (box(b"avif"), "a.avif"),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken_is_told_by_its_bytes(what: str) -> None:
    """Each kind on the list, also under another kind's name."""
    content, name, kind = TAKEN[what]

    assert kind_of(io.BytesIO(content), name) is kind
    if kind not in (kinds.TEXT, kinds.CSV):
        assert kind_of(io.BytesIO(content), "something.txt") is kind


@pytest.mark.parametrize("what", REFUSED)
def test_what_hides_something_is_not_taken(what: str) -> None:
    """Pages, scripts, programs, archives, macros, and files that are two things at once."""
    content, name = REFUSED[what]

    with pytest.raises(UnsupportedMedia) as refused:
        kind_of(io.BytesIO(content), name)

    assert name not in refused.value.detail


NAMES = [
    ("../../etc/passwd", kinds.TEXT, "passwd.txt"),
    ("C:\\Users\\ada\\scan.PDF", kinds.PDF, "scan.PDF"),
    ("letter\r\nX-Evil: 1.pdf", kinds.PDF, "letterX-Evil_ 1.pdf"),
    ("nul\0l.pdf", kinds.PDF, "null.pdf"),
    ("invoice\u202efdp.exe", kinds.PDF, "invoicefdp.exe.pdf"),
    ("\u200b\ufeff.jpg", kinds.JPEG, "jpg.jpg"),
    ("", kinds.PDF, "file.pdf"),
    ("...", kinds.PNG, "file.png"),
    (".htaccess", kinds.TEXT, "htaccess.txt"),
    ("photo.jpeg", kinds.JPEG, "photo.jpeg"),
    ("IMG_2.HEIC", kinds.JPEG, "IMG_2.HEIC.jpg"),
    ("a  b\tc.pdf", kinds.PDF, "a b c.pdf"),
    ("e\u0301t\u00e9.pdf", kinds.PDF, "\u00e9t\u00e9.pdf"),
    ('"><img src=x>.png', kinds.PNG, "___img src=x_.png"),
    ("\u0645\u0644\u0641.pdf", kinds.PDF, "\u0645\u0644\u0641.pdf"),
    ("x" * 400 + ".pdf", kinds.PDF, "x" * 116 + ".pdf"),
]


@pytest.mark.parametrize(("given_name", "kind", "kept"), NAMES)
def test_names_are_made_harmless(given_name: str, kind: Kind, kept: str) -> None:
    """No folder, no control, no turning of the direction; and it ends as what it is."""
    assert names.clean(given_name, kind) == kept


@given(st.text(max_size=300), st.sampled_from(list(kinds.KINDS.values())))
def test_whatever_a_name_holds_what_is_kept_is_one_plain_part(given_name: str, kind: Kind) -> None:
    """Bounded, never empty, in NFC, with an ending of its kind, and stable when it is cleaned again."""
    kept = names.clean(given_name, kind)

    assert 1 < len(kept) <= names.LONGEST
    assert kept.lower().endswith(kind.endings)
    assert not set(kept) & set('/\\<>:"|?*\r\n\0')
    assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in kept)
    assert unicodedata.is_normalized("NFC", kept)
    assert not kept.startswith((".", " "))
    assert names.clean(kept, kind) == kept


@given(st.binary(max_size=2_000), st.text(max_size=20))
def test_any_bytes_are_told_apart_or_refused(content: bytes, name: str) -> None:
    """Whatever comes, it is a kind of the list or a refusal, never a failure of ours."""
    try:
        kind = kind_of(io.BytesIO(content), name)
    except UnsupportedMedia:
        return

    assert kind.media_type in kinds.KINDS

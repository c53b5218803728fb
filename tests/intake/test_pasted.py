"""One address stays one, however people copy it, and what is none comes out whole."""

import pytest

from intake.address import host_name, split
from intake.errors import Refused
from intake.pasted import parse_urls

A, B = "https://pictures.example/a.jpg", "https://pictures.example/b.jpg"


@pytest.mark.threat("B92")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://a.example/my photo.jpg", ["https://a.example/my%20photo.jpg"]),
        (
            "https://a.example/my photo.jpg?x=1",
            ["https://a.example/my%20photo.jpg?x=1"],
        ),
        (f"<{A}>", [A]),
        (f"![cat]({A})", [A]),
        (f'[cat]({A} "a title")', [A]),
        (f"“{A}”", [A]),
        (f"„{A}“", [A]),
        (f'<img src="{A}">', [A]),
        (f"see {A}.", [A]),
        (f"{A}\u200b", [A]),
        (f"\ufeff{A}", [A]),
        (f"1. {A}\n2. {B}", [A, B]),
        (f"- {A}\n* <{B}>\n• {A}", [A, B]),
        (f"{A} {B}", [A, B]),
        (f"{A},{B}", [A, B]),
        (f"{A}, {B}, x", [A, B, "x"]),
        (f"{A}\t{B}", [A, B]),
        (f"{A} is my cat", [A, "is my cat"]),
        ("(https://a.example/a_(cat).jpg)", ["https://a.example/a_(cat).jpg"]),
        ("https://a.example/x?size=1,2", ["https://a.example/x?size=1,2"]),
        ("https://a.example/a_b_", ["https://a.example/a_b_"]),
        ("https://w.example/2019/https://a.example/b", None),
        ("HTTPS://A.EXAMPLE/A.JPG", None),
        ("https://a.example/größe.jpg", None),
        ("//a.example/a.jpg", None),
        ("a.example/my photo.jpg", None),
        ("data:image/png;base64,iVBORw0KGgo=", None),
        (" , \n,", []),
        ("", []),
    ],
)
def test_pasted_text_becomes_addresses(text: str, wanted: list[str] | None):
    assert parse_urls(text) == ([text] if wanted is None else wanted)


@pytest.mark.threat("B92")
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("☃.example", "xn--n3h.example"),
        ("xn--n3h.example", "xn--n3h.example"),
        ("_dmarc.example", "_dmarc.example"),
        ("a-.example.", "a-.example"),
    ],
)
def test_names_are_read_as_browsers_read_them(name: str, asked: str):
    assert host_name(split(f"https://{name}/a.jpg")) == asked


@pytest.mark.threat("B92")
@pytest.mark.parametrize(
    "name",
    ["a\u200db.example", "a..example", "x" * 64 + ".example", "ü" * 60 + ".example"],
)
def test_what_is_no_name_is_refused(name: str):
    with pytest.raises(Refused):
        host_name(split(f"https://{name}/a.jpg"))


@pytest.mark.threat("B92")
@pytest.mark.parametrize("host", ["127。0。0。1", "2130706433", "0x7f。1", "127.0.0.1"])
def test_numbers_in_disguise_are_numbers(host: str):
    """They come out as the address that is then checked, or are refused."""
    try:
        assert host_name(split(f"http://{host}/")) == "127.0.0.1"
    except Refused:
        assert host != "127.0.0.1"

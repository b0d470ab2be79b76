"""Links cannot be made up, changed or cut."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from sendopt.errors import InvalidInput, NotFound
from sendopt.track import LinkSigner

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
LINK = "q3Zl0aY-4rT_9sXbE7uVwA"


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner({"k1": OLD, "k2": NEW}, "k2", "https://push.shop.example/")


def opened(signer: LinkSigner, token: str) -> str | None:
    """Return what `token` opens to; None if it is refused in the one way there is."""
    try:
        return signer.open(token)
    except NotFound as refusal:
        same = (refusal.code, str(refusal)) == ("link_unknown", "this link leads nowhere")
        return None if same else str(refusal)


def test_a_link_opens_to_the_id_it_was_made_of(signer: LinkSigner) -> None:
    url = signer.url(LINK)
    assert url.startswith("https://push.shop.example/t/k2.")
    assert signer.open(url.rpartition("/")[2]) == LINK


def test_links_of_an_old_key_open_as_long_as_the_key_is_kept(signer: LinkSigner) -> None:
    old = LinkSigner({"k1": OLD}, "k1", "https://push.shop.example").token(LINK)
    assert opened(signer, old) == LINK
    assert opened(LinkSigner({"k2": NEW}, "k2", "https://push.shop.example"), old) is None


def test_the_key_id_is_signed_too(signer: LinkSigner) -> None:
    same_key = LinkSigner({"k2": NEW, "k3": NEW}, "k2", "https://push.shop.example")
    assert opened(same_key, signer.token(LINK).replace("k2.", "k3.")) is None


def test_five_thousand_mutations_never_open(signer: LinkSigner) -> None:
    token = signer.token(LINK)
    rng = np.random.default_rng(7)
    alphabet = [*base64.urlsafe_b64encode(bytes(range(256))).decode(), *". /%?&=#\r\n\x00é~+"]
    mutations: set[str] = set()
    while len(mutations) < 5000:
        characters = list(token)
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(characters) + 1))
            match rng.integers(5):
                case 0:
                    characters[at : at + 1] = rng.choice(alphabet)
                case 1:
                    characters.insert(at, str(rng.choice(alphabet)))
                case 2:
                    del characters[at : at + 1]
                case 3:
                    characters = characters[:at] or ["x"]
                case _:
                    characters += str(rng.choice(alphabet))
        mutations.add("".join(characters))
    mutations.discard(token)
    assert [found for found in mutations if opened(signer, found)] == []


@pytest.mark.parametrize(
    "dress",
    [
        "{}?url=https://evil.example",
        "{}/../x",
        "{}\r\nLocation: https://evil.example",
        "{}\n",
        " {}",
        "{}.",
        "{}=",
        "%6b2{}",
        "{}{}",
        "",
    ],
)
def test_nothing_may_stand_around_a_token(signer: LinkSigner, dress: str) -> None:
    token = signer.token(LINK)
    assert opened(signer, dress.format(token, token)) is None


@pytest.mark.parametrize(
    ("keys", "current"),
    [({}, "k1"), ({"k1": OLD}, "k2"), ({"k1": b"short"}, "k1"), ({"k.1": OLD}, "k.1")],
)
def test_unusable_keys_are_refused_at_the_start(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        LinkSigner(keys, current, "https://push.shop.example")
    assert refusal.value.code == "key_invalid"

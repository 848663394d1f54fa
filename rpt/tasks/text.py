"""Texts made comparable: what a model wrote, and what is right, without what does not matter."""

from __future__ import annotations

import re
import string

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def label_text(label: str | int | bool) -> str:
    """A label as it is written where a format names no text for it: `true`, `1`, `entailment`; braces are doubled."""
    written = str(label).lower() if isinstance(label, bool) else str(label)
    return written.replace("{", "{{").replace("}", "}}")


def folded(text: str) -> str:
    """Lower case, one space where there was any white space, none at the ends."""
    return " ".join(text.lower().split())


def normalised(text: str) -> str:
    """Lower case, without punctuation and articles: `The U.S.` is `us`, and `The` is nothing.

    Source: SQuAD's evaluation script v1.1 (Rajpurkar et al. 2016); ReCoRD's and the published code's do the same.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def without_tags(text: str) -> str:
    """A text without its HTML tags; a line break becomes a space."""
    return _TAG.sub("", _LINE_BREAK.sub(" ", text))

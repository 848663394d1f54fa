"""Normalise texts, so that a generated answer can be compared with the right answer."""

from __future__ import annotations

import re
import string

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def label_text(label: str | int | bool) -> str:
    """Return the default text of a label, such as `true`, `1` or `entailment`, with doubled braces for templates."""
    written = str(label).lower() if isinstance(label, bool) else str(label)
    return written.replace("{", "{{").replace("}", "}}")


def folded(text: str) -> str:
    """Lower the case, replace runs of white space by a single space, and strip the ends."""
    return " ".join(text.lower().split())


def normalised(text: str) -> str:
    """Lower the case, and remove punctuation and articles: `The U.S.` becomes `us`, and `The` becomes empty.

    Source: SQuAD's evaluation script v1.1 (Rajpurkar et al. 2016). ReCoRD's script and the published code do the same.
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def without_tags(text: str) -> str:
    """Remove HTML tags from a text. A line break becomes a space."""
    return _TAG.sub("", _LINE_BREAK.sub(" ", text))

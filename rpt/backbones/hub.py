"""The hub's files on this machine, and one quick try to fetch them where they were asked for."""

from __future__ import annotations

from pathlib import Path

PATIENCE = 5.0
"""Seconds to wait for the hub's first answer."""

TEXT_FILES = (".json", ".txt", ".model")
"""Endings of configs and tokenizer files."""


class HubError(LookupError):
    """The hub gives no files; the message says why and what to do."""


def cached_snapshot(hub_id: str, revision: str | None) -> Path | None:
    """The folder of a model in the hub's local cache, perhaps not all of it; None where it was never fetched."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # One file: of all, the client would miss those that `fetch` leaves out. The caller sees to the others.
        one = "config.json"
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=one, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise HubError(f"{hub_id} is no name of a model on the hub. Set backbone.hub_id=OWNER/NAME.") from error


def fetch(hub_id: str, revision: str | None) -> Path:
    """Fetch a model's config, tokenizer and weights; one try, `HF_HUB_OFFLINE=1` allows none.

    Raises:
        HubError: The hub cannot be reached, does not know the model, or does not give it to this user.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    own = f"fetch it on a machine that reaches the hub, copy it here, and run backbone=local {_names(hub_id)}"
    try:
        info = HfApi().model_info(hub_id, revision=revision, timeout=PATIENCE)
        names = wanted([entry.rfilename for entry in info.siblings or []])
        # By its name, not by the commit it stands for: only so the cache notes which commit `main` is.
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=names, etag_timeout=PATIENCE))
    except GatedRepoError as error:
        advice = f"accept its licence at https://huggingface.co/{hub_id} and log in: hf auth login"
        raise HubError(f"the hub gives {hub_id} only to those who accepted its licence: {advice}") from error
    except RevisionNotFoundError as error:
        raise HubError(f"the hub's {hub_id} has no revision {revision}. Set backbone.revision=null.") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"the hub has no public model {hub_id}. Correct backbone.hub_id, or log in: hf auth login"
        ) from error
    except Exception as error:  # network failures have no common class: of httpx, of the hub's client, of the system
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else type(error).__name__
        place = f"is not in the cache at {constants.HF_HUB_CACHE} and the hub cannot be reached ({why})"
        raise HubError(f"{hub_id} {place}: {own}") from error


def wanted(names: list[str]) -> list[str]:
    """Those of a model's files that are needed: texts, and the weights in one format, never a pickle beside tensors."""
    top = [name for name in names if "/" not in name]
    texts = [name for name in top if name.endswith(TEXT_FILES)]
    tensors = [name for name in top if name.startswith("model") and name.endswith(".safetensors")]
    return texts + (tensors or [name for name in top if name.startswith("pytorch_model") and name.endswith(".bin")])


def _names(hub_id: str) -> str:
    return f"backbone.path=DIR backbone.name={hub_id.rpartition('/')[2].replace('-', '_').lower()}"

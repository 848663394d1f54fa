"""Find a hub model in the local cache, or fetch it from the hub in a single attempt."""

from __future__ import annotations

from pathlib import Path

PATIENCE = 5.0
"""Timeout of a request for a model's metadata, in seconds."""

TEXT_FILES = (".json", ".txt", ".model")
"""Endings of the names of config and tokenizer files."""


class HubError(LookupError):
    """The hub does not provide a model's files. The message says why and what to do."""


def cached_snapshot(hub_id: str, revision: str | None) -> Path | None:
    """Return a model's folder in the hub's local cache, which may be incomplete; None if no config.json is cached.

    Raises:
        HubError: `hub_id` is not a valid name of a model.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # Only config.json is looked up, because the client refuses a snapshot that lacks any file of the repository,
        # and `fetch` leaves some files out. The caller checks the other files.
        config_name = "config.json"
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=config_name, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise HubError(
            f"{hub_id} is not a valid name of a model on the hub. Set backbone.hub_id=OWNER/NAME."
        ) from error


def fetch(hub_id: str, revision: str | None) -> Path:
    """Fetch a model's config, tokenizer and weights, without a second attempt.

    Raises:
        HubError: The hub cannot be reached, does not know the model, or denies this user access, or
            `HF_HUB_OFFLINE=1` is set.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    own = f"fetch it on a machine that reaches the hub, copy it here, and run backbone=local {_names(hub_id)}"
    try:
        info = HfApi().model_info(hub_id, revision=revision, timeout=PATIENCE)
        names = needed_files([entry.rfilename for entry in info.siblings or []])
        # The revision is passed by name, not as a commit, because the cache then records the commit of `main`.
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=names, etag_timeout=PATIENCE))
    except GatedRepoError as error:
        advice = f"accept its licence at https://huggingface.co/{hub_id} and log in: hf auth login"
        raise HubError(f"the hub gives {hub_id} only to those who accepted its licence: {advice}") from error
    except RevisionNotFoundError as error:
        raise HubError(
            f"the model {hub_id} on the hub has no revision {revision}. Set backbone.revision=null."
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"the hub has no public model {hub_id}. Correct backbone.hub_id, or log in: hf auth login"
        ) from error
    except Exception as error:  # httpx, the hub's client and the system raise network failures without a common class
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else type(error).__name__
        reason = f"is not in the cache at {constants.HF_HUB_CACHE} and could not be fetched from the hub ({why})"
        raise HubError(f"{hub_id} {reason}: {own}") from error


def needed_files(names: list[str]) -> list[str]:
    """Select the files that a backbone needs: configs, tokenizer files, and safetensors or else PyTorch weights."""
    top = [name for name in names if "/" not in name]
    texts = [name for name in top if name.endswith(TEXT_FILES)]
    tensors = [name for name in top if name.startswith("model") and name.endswith(".safetensors")]
    return texts + (tensors or [name for name in top if name.startswith("pytorch_model") and name.endswith(".bin")])


def _names(hub_id: str) -> str:
    return f"backbone.path=DIR backbone.name={hub_id.rpartition('/')[2].replace('-', '_').lower()}"

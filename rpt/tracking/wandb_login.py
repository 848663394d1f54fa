"""Whether W&B would know who sends. W&B itself is not asked: a check must not wait for a network."""

from __future__ import annotations

import os

NOBODY = "nobody is logged in to W&B on this machine"


def login_problem() -> str | None:
    """Why W&B would take nothing from here; None where this machine holds a key, whether or not W&B takes that.

    W&B's own code looks for it: in the environment, in netrc, in W&B's settings.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    from wandb.errors import Error
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    try:
        host = wandb_setup.singleton().settings.base_url
        found = wbauth.authenticate_session(host=host, source="rpt", prompt=False, update_session=False)
    except Error as error:  # a key of no valid form
        return str(error).removesuffix(".")
    return NOBODY if found is None else None

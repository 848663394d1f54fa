"""Check whether this machine has a key for W&B. The check does not use the network, so it is fast."""

from __future__ import annotations

import os

NO_LOGIN = "there is no W&B login on this machine"


def login_problem() -> str | None:
    """Return the reason why W&B would refuse this machine; None if the machine has a key, valid or not.

    W&B's own code looks for the key in the environment, in netrc and in W&B's settings.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    from wandb.errors import Error
    from wandb.sdk import wandb_setup
    from wandb.sdk.lib import wbauth

    try:
        host = wandb_setup.singleton().settings.base_url
        key = wbauth.authenticate_session(host=host, source="rpt", prompt=False, update_session=False)
    except Error as error:  # the key has an invalid form
        return str(error).removesuffix(".")
    return NO_LOGIN if key is None else None

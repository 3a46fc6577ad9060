"""Files that a request names: only those that this server itself received or made, and no larger.

They lie in a folder whose name is random, under a name that hashes their bytes and a secret of this
start of the server: who did not send a file or was not shown it cannot name it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from gradio import processing_utils
from gradio.utils import get_upload_folder

import combiner_core as cc
from demo.settings import Settings


def hide_names() -> None:
    """Hash the names of files with a new secret; Gradio's own may be one that others know."""
    # Gradio keeps one for all apps of a machine, or of an image of one.
    processing_utils.hash_seed = secrets.token_bytes(32)


def uploaded(path: str, settings: Settings) -> Path:
    """The file that a request names by a path.

    Raises:
        CombinerError: this server did not receive it, it is gone, or too large.
    """
    name = os.path.basename(path)[-80:] or "This file"
    refusal = cc.CombinerError(f"{name} is not a file that was uploaded here: upload it again.")
    folder = get_upload_folder()
    try:
        # By words at first: nothing outside is even looked at.
        if not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder)):
            raise refusal
        resolved = Path(path).resolve(strict=True)
        if not (resolved.is_file() and resolved.is_relative_to(Path(folder).resolve())):
            raise refusal
        file_bytes = resolved.stat().st_size
    except (OSError, ValueError, RuntimeError):
        raise refusal from None
    if file_bytes > settings.max_upload_bytes:
        raise cc.CombinerError(
            f"{name} is larger than {settings.max_upload_mb:g} MB, the most that is accepted here."
        )
    return resolved

"""The TLS of the API in the node file: which files it takes, and whether they are there."""

from pathlib import Path, PurePath
from typing import Annotated

from pydantic import Field

from gslb.config.document import Findings
from gslb.config.schema import Shape
from gslb.config.settings import ApiTls

_FileName = Annotated[str, Field(min_length=1)]


class ApiTlsShape(Shape):
    cert: _FileName
    key: _FileName
    client_ca: _FileName | None = None


def api_tls_settings(shape: ApiTlsShape | None, folder: PurePath, here: Findings) -> ApiTls | None:
    """The settings; `folder` is that of the node file. Notes files that are not there.

    What is in them is seen by the process that serves the API: others that read the node file may not read the key.
    """
    if shape is None:
        return None
    found = {key: str(folder / name) for key, name in shape if name is not None}
    for key, path in found.items():
        if _is_missing(Path(path)):
            here.problem(("listen", "api_tls", key), f"there is no file {path}")
    return ApiTls(**found)


def _is_missing(path: Path) -> bool:
    try:
        return not path.is_file()
    except PermissionError:
        return False

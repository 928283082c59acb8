"""Builds the wheel of this package (PEP 517, PEP 660): a zip of the sources and three files about them.

It builds this one package, which has no compiled parts and no dependencies, so it needs neither setuptools nor a network.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"


def _setting(name: str) -> str:
    # pyproject.toml is ours, so a line is all there is to know of TOML; Python 3.10 has no reader of it.
    found = re.search(rf'^{name} = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ValueError(f"pyproject.toml has no {name}")
    return found.group(1)


def _stem() -> str:
    return f"{_setting('name').replace('-', '_')}-{_setting('version')}"


def _metadata() -> str:
    head = [
        "Metadata-Version: 2.1",
        f"Name: {_setting('name')}",
        f"Version: {_setting('version')}",
        f"Summary: {_setting('description')}",
        f"Requires-Python: {_setting('requires-python')}",
        "License: Apache-2.0",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(head) + "\n\n" + (ROOT / "README.md").read_text(encoding="utf-8")


def _write(directory: str, files: dict[str, bytes]) -> str:
    info = f"{_stem()}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": _metadata().encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: wheelwright\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    name = f"{_stem()}-py3-none-any.whl"
    with zipfile.ZipFile(Path(directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(content)}")
            wheel.writestr(zipfile.ZipInfo(path), content)  # of 1980: the same sources, the same wheel
        record.append(f"{info}/RECORD,,")
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD"), "\n".join(record) + "\n")
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    sources = sorted(p for p in SOURCE.rglob("*") if p.suffix == ".py" or p.name == "py.typed")
    return _write(wheel_directory, {p.relative_to(SOURCE).as_posix(): p.read_bytes() for p in sources})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _write(wheel_directory, {"hourglass_client_editable.pth": f"{SOURCE}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    name = f"{_stem()}.tar.gz"
    with tarfile.open(Path(sdist_directory) / name, "w:gz") as sdist:
        for part in ("pyproject.toml", "README.md", "backend", "src", "tests"):
            sdist.add(ROOT / part, f"{_stem()}/{part}", filter=lambda t: None if "__pycache__" in t.name else t)
    return name

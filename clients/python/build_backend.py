"""Builds the package with a C compiler, Python's headers and the standard library: nothing is downloaded (PEP 517).

The client in C is compiled in. In the repository it lies beside this folder; a source distribution has a copy.
"""

import base64
import hashlib
import io
import os
import shlex
import subprocess
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENT_FILES = ("pageferry.c", "pageferry.h")
OWN_FILES = ("README.md", "pyproject.toml", "build_backend.py")
FOLDERS = ("src", "native", "examples")
SOURCES = (".py", ".pyi", ".typed", ".c", ".h")
# The first moment that a zip archive can name: the same sources make the same bytes.
MOMENT = (1980, 1, 1, 0, 0, 0)


def project():
    return tomllib.loads((HERE / "pyproject.toml").read_text())["project"]


def client():
    """The folder of the client in C."""
    for folder in (HERE / "c", HERE.parent / "c"):
        if all((folder / name).is_file() for name in CLIENT_FILES):
            return folder
    raise FileNotFoundError("the client in C is missing: build within the repository, or from a source distribution")


def license_file():
    found = HERE / "LICENSE"
    return found if found.is_file() else HERE.parent.parent / "LICENSE"


def files_of(*folders):
    for folder in folders:
        for path in sorted((HERE / folder).rglob("*")):
            if path.suffix in SOURCES and path.is_file():
                yield path


def compile_extension(target):
    """Compiles the extension into a folder, and returns its path."""
    built = Path(target) / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    includes = dict.fromkeys(sysconfig.get_path(name) for name in ("include", "platinclude"))
    command = [
        *compiler,
        "-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra",
        *shlex.split(os.environ.get("CFLAGS", "")),
        f"-I{client()}",
        # As those of a system: what they warn of is not ours.
        *(part for include in includes for part in ("-isystem", include)),
        *map(str, sorted((HERE / "native").glob("*.c"))),
        str(client() / "pageferry.c"),
        "-o", str(built),
        *shlex.split(os.environ.get("LDFLAGS", "")),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return built


def metadata():
    about = project()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {about['name']}",
        f"Version: {about['version']}",
        f"Summary: {about['description']}",
        f"License: {about['license']['text']}",
        f"Requires-Python: {about['requires-python']}",
        *(f"Project-URL: {name}, {url}" for name, url in about["urls"].items()),
        *(f"Classifier: {each}" for each in about["classifiers"]),
    ]
    for extra, needed in about["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines.extend(f'Requires-Dist: {each}; extra == "{extra}"' for each in needed)
    lines.append("Description-Content-Type: text/markdown")
    return "\n".join(lines) + "\n\n" + (HERE / "README.md").read_text()


def tag():
    python = f"cp{sysconfig.get_config_var('py_version_nodot')}"
    return f"{python}-{python}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def base_name():
    about = project()
    return f"{about['name']}-{about['version']}"


def get_requires_for_build_wheel(config_settings=None):
    return []


def get_requires_for_build_sdist(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Makes the wheel in that folder, and returns its name."""
    info = f"{base_name()}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: build_backend\nRoot-Is-Purelib: false\nTag: {tag()}\n"
    with tempfile.TemporaryDirectory() as built:
        extension = compile_extension(built)
        contents = {str(path.relative_to(HERE / "src")): path.read_bytes() for path in files_of("src")}
        contents[f"pageferry/{extension.name}"] = extension.read_bytes()
    contents[f"{info}/METADATA"] = metadata().encode()
    contents[f"{info}/WHEEL"] = wheel.encode()
    contents[f"{info}/LICENSE"] = license_file().read_bytes()
    contents[f"{info}/RECORD"] = record(contents, f"{info}/RECORD").encode()
    name = f"{base_name()}-{tag()}.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            entry = zipfile.ZipInfo(path, MOMENT)
            entry.external_attr = (0o755 if path.endswith(".so") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return name


def record(contents, own_path):
    """What is in the wheel: path, hash and length of each file."""
    lines = []
    for path, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    return "\n".join([*lines, f"{own_path},,"]) + "\n"


def build_sdist(sdist_directory, config_settings=None):
    """Makes the source distribution in that folder, with a copy of the client in C, and returns its name."""
    contents = {str(path.relative_to(HERE)): path.read_bytes() for path in files_of(*FOLDERS)}
    contents |= {name: (HERE / name).read_bytes() for name in OWN_FILES}
    contents |= {f"c/{name}": (client() / name).read_bytes() for name in CLIENT_FILES}
    contents["LICENSE"] = license_file().read_bytes()
    contents["PKG-INFO"] = metadata().encode()
    name = f"{base_name()}.tar.gz"
    with tarfile.open(Path(sdist_directory) / name, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for path, content in contents.items():
            entry = tarfile.TarInfo(f"{base_name()}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return name

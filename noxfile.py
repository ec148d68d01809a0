"""Every check of this repository, each in a virtual environment of its own.

`nox` runs all of them, `nox -s lint` runs one, and `nox -l` lists them. What follows `--` goes to pytest:
`nox -s tests-3.13 -- tests/wire`. A Python version that is not installed is skipped.
"""

from __future__ import annotations

from pathlib import Path

import nox

PYTHONS = ["3.11", "3.12", "3.13"]

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv"  # pip knows dependency groups only since 25.1
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and the contracts of imports."""
    session.install("-e", ".[test]", "--group", "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    session.install("-e", ".[test]", "--group", "lint")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The whole suite on each Python."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(python=PYTHONS[0], venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """The whole suite with the lowest version of every dependency that pyproject.toml allows, on the lowest Python."""
    session.install("--resolution", "lowest-direct", "-e", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session(venv_backend="uv")
@nox.parametrize("core", ["~=1.7.0", "<2"], ids=["oldest", "newest"])
def langchain_core(session: nox.Session, core: str) -> None:
    """The whole suite with the oldest minor version of langchain-core that is allowed, and with the newest."""
    session.install("--upgrade", "-e", ".[test]", f"langchain-core{core}")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The whole suite, and which lines and branches it reaches."""
    session.install("-e", ".[test]", "--group", "coverage")
    session.run("pytest", "-n", "auto", "--cov", "--cov-report=term:skip-covered", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The docs site, built strictly into `.site`."""
    session.install("-e", ".", "--group", "docs")
    session.run("mkdocs", "build", "-f", ".mkdocs.yml", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(venv_backend="uv")
def wheel(session: nox.Session) -> None:
    """Wheel and sdist, built and checked; a user's script against the wheel: mypy strict, pyright, and run."""
    built = Path(session.create_tmp()).resolve()
    session.install("--group", "wheel")
    session.run("python", "-m", "build", "--outdir", str(built), ".", silent=True)
    archives = sorted(str(path) for path in built.iterdir() if path.suffix in {".whl", ".gz"})
    session.run("twine", "check", "--strict", *archives)
    package = next(path for path in archives if path.endswith(".whl"))
    session.install(
        "--reinstall-package", "langchain-grokweb", f"langchain-grokweb[emulator] @ {Path(package).as_uri()}"
    )
    script = Path("tests/typing/user_script.py").resolve()
    session.chdir(built)  # where no configuration of this repository counts
    session.run("mypy", "--strict", str(script))
    session.run("pyright", "--pythonpath", f"{session.virtualenv.bin}/python", str(script))
    session.run("python", str(script), silent=True)


@nox.session
def examples(session: nox.Session) -> None:
    """The programs of docs/examples, also those with large packages; the Chainlit app in Chromium."""
    session.install("-e", ".[test]", "--group", "examples")
    session.run("pytest", "tests/docs/test_example_apps.py")
    session.run("python", "tests/browser.py")

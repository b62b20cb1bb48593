"""Settings name commands that are run: a file that somebody else may have written counts for nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import INIT, URL, call


STRANGER = 65_534
# Root as everybody else is: what is closed to it stays closed.
WITHOUT_POWERS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
AS_STRANGER = ("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups")


@pytest.fixture
def give_away() -> Callable[..., None]:
    """Make the stranger the owner of something."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")

    def give(path: Path) -> None:
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)

    return give


@pytest.fixture
def with_etc(tmp_path: Path) -> tuple[str, ...]:
    """A command that runs another in which tmp_path/etc is /etc."""
    etc = tmp_path / "etc"
    (etc / "twostep").mkdir(parents=True)
    etc.chmod(0o755)
    command = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(etc))
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root, with unshare, can put another /etc in the place of the machine's")
    made = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no name space of our own here: {made.stderr}")
    return command


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; tmp_path is closed to all but its owner."""
    folder = Path(tempfile.mkdtemp(prefix="twostep-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def trap(folder: Path) -> Path:
    """What the settings' key_command makes when it is run."""
    made = folder / "made"
    settings = folder / "twostep.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'key_command = "touch {made}"\n{text}', encoding="utf-8")
    return made


def named(folder: Path, name: str, **also: str) -> Path:
    path = folder / name
    path.write_text(
        f'public_url = "{URL}"\n' + "".join(f'{key} = "{value}"\n' for key, value in also.items()),
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("words", [("user", "list"), ("doctor", "--offline")])
def test_a_strangers_file_in_a_shared_folder_runs_nothing(folder, trap, give_away, words):
    give_away(folder / "twostep.toml")
    folder.chmod(0o1777)
    refused = call(folder, *words)
    assert not trap.exists()
    assert refused.code == 2
    assert len((refused.out + refused.err).splitlines()) == 1
    for part in ("./twostep.toml: belongs to ", "not to root. ", "twostep --config FILE"):
        assert part in refused.out + refused.err


def test_a_strangers_file_is_refused_under_every_name(folder, trap, give_away):
    file = (folder / "twostep.toml").rename(folder / "other.toml")
    give_away(file)
    (folder / "link.toml").symlink_to("other.toml")
    for name in ("other.toml", "link.toml"):
        refused = call(folder, "--config", name, "user", "list")
        assert (refused.code, refused.out, trap.exists()) == (2, "", False)
        assert refused.err.startswith(f"twostep: {name}: belongs to ")
        assert refused.err.endswith(f"run: sudo chown root {name}\n")
    (folder / "twostep.toml").symlink_to("other.toml")
    refused = call(folder, "user", "list")
    assert (refused.code, refused.out, trap.exists()) == (2, "", False)
    assert "./twostep.toml: belongs to " in refused.err


def test_a_strangers_link_does_not_choose_among_the_callers_files(folder, trap, give_away):
    """The link could lead to what the caller once fetched, and relative paths begin beside it."""
    (folder / "twostep.toml").rename(folder / "fetched.toml")
    link = folder / "twostep.toml"
    link.symlink_to("fetched.toml")
    give_away(link)
    folder.chmod(0o1777)
    refused = call(folder, "user", "list")
    assert (refused.code, trap.exists()) == (2, False)
    assert "./twostep.toml: belongs to " in refused.err


def test_a_link_and_a_file_of_the_callers_count(twostep, folder):
    (folder / "twostep.toml").rename(folder / "other.toml")
    (folder / "twostep.toml").symlink_to("other.toml")
    assert "root" in twostep("user", "list").out


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_may_write_runs_nothing(folder, trap, mode):
    (folder / "twostep.toml").chmod(mode)
    refused = call(folder, "user", "list")
    assert (refused.code, refused.out, trap.exists()) == (2, "", False)
    assert refused.err == (
        "twostep: twostep.toml: others may write it. Run: chmod go-w twostep.toml\n"
    )
    refused = call(folder, "doctor", "--offline", "--json")
    assert (refused.code, "chmod go-w" in refused.out, trap.exists()) == (2, True, False)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_that_others_may_read_at_most_counts(twostep, folder, mode):
    (folder / "twostep.toml").chmod(mode)
    assert twostep("user", "list").code == 0


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_in_a_folder_that_others_may_change_the_file_has_to_be_named(twostep, folder, mode):
    folder.chmod(mode)
    refused = twostep("user", "list")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "twostep: ./twostep.toml: others may change the folder it is in."
        " Name the file that is meant: twostep --config FILE …\n"
    )
    assert twostep("--config", "twostep.toml", "user", "list").code == 0


def test_in_a_folder_where_each_keeps_his_files_the_callers_counts(twostep, folder, give_away):
    folder.chmod(0o1777)
    assert twostep("user", "list").code == 0
    give_away(folder)  # who owns the folder can rename and remove in it all the same
    assert twostep("user", "list").code == 2


def test_the_systems_file_counts_first(tmp_path, with_etc):
    named(tmp_path, "twostep.toml", colour="here")
    named(tmp_path / "etc" / "twostep", "twostep.toml", colour="system")
    result = call(tmp_path, "policy", "show", through=with_etc)
    assert result.err.startswith("twostep: /etc/twostep/twostep.toml: colour")
    result = call(tmp_path, "--config", "twostep.toml", "policy", "show", through=with_etc)
    assert result.err.startswith("twostep: twostep.toml: colour")


def test_a_strangers_file_does_not_matter_where_the_system_has_one(tmp_path, with_etc, give_away):
    give_away(named(tmp_path, "twostep.toml", colour="here"))
    named(tmp_path / "etc" / "twostep", "twostep.toml")
    assert call(tmp_path, "policy", "show", through=with_etc).code == 0


@pytest.mark.parametrize("closed", ["twostep", "twostep/twostep.toml"])
def test_who_may_not_read_the_systems_file_is_told_who_may(tmp_path, with_etc, give_away, closed):
    named(tmp_path / "etc" / "twostep", "twostep.toml")
    (tmp_path / "etc" / closed).chmod(0o700)
    give_away(tmp_path / "etc" / closed)
    for words in (("user", "list"), ("doctor",)):
        refused = call(tmp_path, *words, through=(*with_etc, *WITHOUT_POWERS))
        assert refused.code == 2
        assert (
            "You may not read /etc/twostep/twostep.toml. Run: sudo -u twostep twostep …\n"
            in refused.out + refused.err
        )


def test_in_somebodys_closed_home_the_systems_file_counts(tmp_path, with_etc, give_away):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    give_away(home)
    through = (*with_etc, *WITHOUT_POWERS)
    refused = call(home, "user", "list", through=through)
    assert (refused.code, "Run: twostep init" in refused.err) == (2, True)
    named(tmp_path / "etc" / "twostep", "twostep.toml")
    assert call(home, "policy", "show", through=through).code == 0


def test_the_service_reads_what_belongs_to_root(open_folder, give_away):
    path = named(open_folder, "named.toml")
    probe = [*AS_STRANGER, sys.executable, "-c", "import twostep.main"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("another user cannot run this Python: it lies in a closed folder")
    words = ("--config", str(path), "policy", "show")
    assert call(open_folder, *words, through=AS_STRANGER).code == 0
    give_away(path)
    assert call(open_folder, *words, through=AS_STRANGER).code == 0
    assert call(open_folder, *words).code == 2


def test_what_init_writes_counts_whatever_the_umask(tmp_path):
    umask = ("sh", "-c", 'umask 0 && exec "$@"', "sh")
    made = call(tmp_path, *INIT, through=umask)
    assert (made.code, "Next: twostep serve" in made.out) == (0, True)
    assert call(tmp_path, "user", "list").code == 0


def test_init_says_how_to_name_a_file_that_is_not_taken_unnamed(tmp_path):
    tmp_path.chmod(0o777)
    made = call(tmp_path, *INIT)
    assert made.code == 0
    assert f"Next: twostep --config {tmp_path / 'twostep.toml'} serve" in made.out

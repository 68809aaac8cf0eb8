"""Removing old runs: pages first, what readers need never, and each run whole or gone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.publish_cases import (
    broken_links,
    everything,
    files_of,
    front,
    history_of,
    make_run,
    put,
    signed,
    tree,
)
from whatif.base.errors import PublishError
from whatif.base.history import History
from whatif.publish.places.local import LocalPlace
from whatif.publish.prune import Pruned, kept, prune, prune_runs
from whatif.publish.run_folder import find_run, is_intact
from whatif.publish.site import runs_on

IDS = ("a", "b", "c", "d", "e")
LOOKS = {name: f".look-{name}{{}}" for name in IDS}


def ids_of(history: History) -> list[str]:
    return [run.line.run_id for run in history.runs]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with five runs, each with a look of its own, and another study's run."""
    base = tmp_path_factory.mktemp("built")
    place = LocalPlace(root=base / "site")
    for n, name in enumerate(IDS):
        put(place, base / "out", history_of(*IDS[: n + 1]), look=LOOKS[name])
    put(place, base / "out", history_of("a", study="other"), look=LOOKS["a"])
    return place.root


@pytest.fixture
def site(tmp_path: Path, built: Path) -> LocalPlace:
    """A copy of it."""
    return LocalPlace(root=Path(shutil.copytree(built, tmp_path / "site")))


def pruned(place: LocalPlace, history: History) -> Pruned:
    shown = LOOKS.get(history.shown or "", "")
    return prune(place, history, files=files_of(history, shown), front=front)


def test_what_readers_and_reviewers_need_stays() -> None:
    signs = {"a": signed("a", "2026-10-01T00:00"), "b": signed("b", "2026-11-01T00:00")}
    history = history_of(*IDS, shown="d", awaiting="e", signs=signs)
    assert ids_of(kept(history, ())) == ["b", "d", "e"]
    assert ids_of(kept(history, ["c"])) == ["b", "c", "d", "e"]
    assert ids_of(kept(history_of(*IDS), ())) == ["e"]
    assert ids_of(kept(history_of(), ("x",))) == []


def test_other_runs_leave_the_site_and_so_does_what_only_they_load(site: LocalPlace) -> None:
    before = tree(site)
    found = pruned(site, kept(history_of(*IDS), ["d"]))
    assert found.runs == ("a", "b", "c")
    assert runs_on(site, "checkout") == ("d", "e")
    after = tree(site)
    assert broken_links(after) == []
    assets = [name for name in found.gone if name.startswith("assets/")]
    assert len(assets) == 4  # style and script of b and c: the other study still loads a's
    assert {name for name in before if name.startswith("assets/")} == {
        *assets,
        *(name for name in after if name.startswith("assets/")),
    }
    assert {name for name in after if name.startswith("other/")} == {
        name for name in before if name.startswith("other/")
    }
    assert not (site.root / "checkout" / "runs" / "a").exists()
    assert set(before) - set(after) == set(found.gone)
    assert {name: after[name] for name in found.files} == found.files
    again = pruned(site, kept(history_of(*IDS), ["d"]))
    assert (again.runs, again.gone) == ((), ())
    assert tree(site) == after


def test_an_asset_that_another_asset_loads_stays(site: LocalPlace) -> None:
    with site.lock():
        site.write("assets/font-1.woff2", b"x")
        site.write("assets/font-2.woff2", b"x")
        css = next(name for name in site.names("assets") if "site-" in name)
        site.write(css, (site.read(css) or b"") + b"@font-face{src:url(font-1.woff2)}")
    history = kept(history_of(*IDS), IDS)
    files = files_of(history, LOOKS["e"])
    del files[css]

    def plain(cards: Any) -> dict[str, bytes]:
        return {name: content for name, content in front(cards).items() if name != css}

    found = prune(site, history, files=files, front=plain)
    assert found.gone == ("assets/font-2.woff2",)


@pytest.mark.parametrize("step", range(12))
def test_a_prune_that_dies_is_completed_by_the_next(
    site: LocalPlace, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    history = kept(history_of(*IDS), ["d"])
    real, count = Path.unlink, iter(range(99))

    def unlink(path: Path, **more: Any) -> None:
        if ".staging" not in path.name and next(count) == step:
            raise PermissionError(13, "Permission denied")
        real(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(PublishError, match="Permission denied"):
            pruned(site, history)
    broken = broken_links(tree(site))
    assert [link for link in broken if not link.startswith("checkout/runs/")] == []
    assert runs_on(site, "checkout")[-2:] == ("d", "e")
    pruned(site, history)
    assert runs_on(site, "checkout") == ("d", "e")
    assert broken_links(tree(site)) == []


def test_a_history_whose_shown_run_is_elsewhere_prunes_nothing(site: LocalPlace) -> None:
    before = tree(site)
    with pytest.raises(PublishError, match="run x of study 'checkout' is not on the site"):
        pruned(site, history_of("x"))
    assert tree(site) == before


# ---- run folders


def test_run_folders_go_and_the_latest_never_does(out: Path) -> None:
    for name in IDS:
        make_run(out, name)
    make_run(out, "b")  # run again: the latest
    runs = out / "checkout" / "runs"
    (runs / "notes").mkdir()
    (runs / ".staging-z-old").mkdir()
    assert prune_runs(out, "checkout", ["d"]) == ("a", "c", "e")
    assert everything(runs) & {"a", "b", "c", "d", "e", "notes", "latest", ".staging-z-old"} == {
        *("b", "d", "notes", "latest")
    }
    assert find_run(out, "checkout").name == "b"
    assert prune_runs(out, "checkout", ["d"]) == ()
    assert prune_runs(out, "elsewhere", []) == ()


def test_run_folders_that_cannot_be_removed_are_exit_6(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in IDS:
        make_run(out, name)

    def refuse(*paths: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PublishError, match="Permission denied"):
        prune_runs(out, "checkout", [])
    assert all(is_intact(out / "checkout" / "runs" / name) for name in IDS)

"""The page of checks says what the checks say."""

from __future__ import annotations

from whatif.checks.catalogue import CHECKS
from whatif.checks.page import PAGE, checks_page


def test_the_page_is_the_one_its_checks_make() -> None:
    """Write it again with ``python -m whatif.checks.page``."""
    assert PAGE.read_text(encoding="utf-8") == checks_page()


def test_every_check_stands_on_it_with_its_four_sentences() -> None:
    page = checks_page()
    for check in CHECKS:
        assert f"`{check.code}`" in page
        for sentence in (check.what, check.why, check.blind, check.fix):
            assert sentence in page
    assert len({check.code for check in CHECKS}) == len(CHECKS)

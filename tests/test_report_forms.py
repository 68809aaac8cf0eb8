"""A run as CSV, PDF, JSON and HTML: every digit kept, names inert, nothing asked of a network."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.report_blocks import everything_report, treated_report
from tests.report_cases import checkout_report, observational_report, withheld_report
from tests.test_report_html import ATTACK, hostile_report
from whatif.base.errors import PublishError, UsageError
from whatif.publish.run_folder import write_run
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.estimates_csv import COLUMNS, FIRST, SEGMENT, estimates_csv
from whatif.report.html import render_html
from whatif.report.pdf import pdf_of
from whatif.run.forms import FORMS

CASES = {
    "trusted": checkout_report,
    "withheld": withheld_report,
    "observational": observational_report,
    "everything": everything_report,
    "treated": treated_report,
}
TABLES = ("effects", "bounds", "rest", "populations", "repetitions", "heterogeneity", "power")
# column of the CSV file: where the number stands in a row of answer.json
NAMES: dict[str, tuple[str | int, ...]] = {
    "ci_low": ("ci", 0), "ci_high": ("ci", 1), "band_low": ("band", 0), "band_high": ("band", 1),
    "sequential_low": ("sequential", 0), "sequential_high": ("sequential", 1),
    "relative": ("relative", "estimate"), "relative_low": ("relative", "ci", 0),
    "relative_high": ("relative", "ci", 1), "bound_low": ("bounds", 0), "bound_high": ("bounds", 1),
    "std_error_low": ("std_error", 0), "std_error_high": ("std_error", 1),
    "trimmed_control": ("trimmed", 0), "trimmed_arm": ("trimmed", 1),
}  # fmt: skip


def answer_of(make: Callable[[], Report]) -> dict[str, Any]:
    """Return what ``answer.json`` holds."""
    found: dict[str, Any] = json.loads(answer_json(make()))
    return found


def read(text: str) -> list[dict[str, str]]:
    """Return the rows as text."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def number(row: Any, path: tuple[str | int, ...]) -> float | None:
    """Follow a path into a row of answer.json."""
    for step in path:
        if row is None or (isinstance(step, int) and not isinstance(row, list)):
            return None
        row = row.get(step) if isinstance(step, str) and isinstance(row, dict) else row[step]
    return row if isinstance(row, int | float) and not isinstance(row, bool) else None


def expected(row: dict[str, Any], column: str) -> float | None:
    """Return the number that a cell should hold; cells too small to show have none."""
    if row.get("shown", "shown") != "shown":
        return None
    if column in {"df", "df_numerator"} and isinstance(row.get("df"), list):
        return float(row["df"][column == "df"])
    path: tuple[str | int, ...] = NAMES.get(column, (column,))
    if column == "relative" and not isinstance(row.get("relative"), dict):
        path = (column,)
    return number(row, path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables as files."""
    folder = tmp_path_factory.mktemp("tables")
    for name, make in CASES.items():
        text = estimates_csv(answer_of(make))
        (folder / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reader", ["pandas", "duckdb"])
def test_every_number_comes_back_to_the_last_digit(written: Path, case: str, reader: str) -> None:
    path, answer = written / f"{case}.csv", answer_of(CASES[case])
    if reader == "pandas":
        frame = pd.read_csv(path, low_memory=False)
    else:
        frame = duckdb.sql(f"FROM read_csv('{path}', sample_size=-1)").df()
    compared = 0
    for table in TABLES:
        rows = frame[frame["table"] == table].to_dict("records")
        assert len(rows) == len(answer[table]), table
        for got, row in zip(rows, answer[table], strict=True):
            for column in COLUMNS:
                if column in {"population", "interval_low", "interval_high"}:
                    continue
                want, cell = expected(row, column), got[column]
                blank = cell is None or (isinstance(cell, float) and math.isnan(cell))
                if want is None:
                    assert blank or isinstance(cell, str | bool), (table, column, cell)
                else:
                    assert float(cell) == want, (table, column)
                    compared += 1
    assert compared > 200


@pytest.mark.parametrize("case", CASES)
def test_no_number_of_an_answer_is_left_out(case: str) -> None:
    answer = answer_of(CASES[case])
    cells = {cell for row in read(estimates_csv(answer)) for cell in row.values()}
    parts: list[Any] = [answer[table] for table in (*TABLES, "sensitivity", "money")]
    parts.append(answer.get("decomposition"))
    parts.append([check["details"] for check in answer["checks"]])
    missing = [value for value in numbers(parts) if repr(value) not in cells]
    assert missing == []


def numbers(value: Any) -> list[float]:
    """Return every number below a value, except those of cells too small to show."""
    if isinstance(value, dict):
        if value.get("shown", "shown") != "shown":
            return []
        return [n for key, part in value.items() if key != "chances" for n in numbers(part)]
    if isinstance(value, list):
        return [n for part in value for n in numbers(part)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_cells_too_small_to_show_carry_no_number() -> None:
    rows = [r for r in read(estimates_csv(answer_of(checkout_report))) if r["table"] == "effects"]
    small = [row for row in rows if row["shown"] != "shown"]
    assert {row["reading"] for row in small} == {"suppressed", "no_overlap"}
    told = {"study", "run_id", "decision", "level", "table"}
    for row in small:
        held = {name: cell for name, cell in row.items() if name not in told and cell}
        assert not [cell for name, cell in held.items() if re.fullmatch(r"-?[\d.e-]+", cell)], held


def test_what_rests_on_a_small_cell_carries_no_number_either() -> None:
    small = {"outcome": "y", "arm": "a", "segment": {"city": "x"}, "shown": "suppressed", "n": 4}
    about = {"outcome": "y", "arm": "a", "segment": {"city": "x"}, "estimate": 0.5}
    option = {"arm": "a", "segment": {"city": "x"}, "share": [0.4, 0.6], "option": "standard"}
    split = {"cost": "y", "rows": [small], "options": [option]}
    rows = read(estimates_csv({"effects": [small], "rest": [about], "decomposition": split}))
    assert [row["table"] for row in rows] == ["effects", "rest", "decomposition", "options"]
    assert not [row for row in rows if row["n"] or row["estimate"] or row["share_arm"]]
    assert rows[3]["option"] == "standard"


def test_columns_are_the_same_for_every_run_but_for_segments() -> None:
    for make in CASES.values():
        header = list(read(estimates_csv(answer_of(make)))[0])
        segments = [name for name in header if name.startswith(SEGMENT)]
        assert header == [*FIRST, *segments, *COLUMNS]


def test_every_row_names_its_run_and_verdict() -> None:
    rows = read(estimates_csv(answer_of(withheld_report)))
    assert {row["decision"] for row in rows} == {"cannot_be_trusted"}
    assert len({(row["study"], row["run_id"], row["level"]) for row in rows}) == 1


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-5 to 0", "'-5 to 0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'=1"),
        ("\n=1", "'\n=1"),
        ("\u202e=1", "'=1"),
        ("＝1", "'＝1"),
        ('say "a, b"\nand c', 'say "a, b"\nand c'),
        ("أهلا", "أهلا"),
        (-5, "-5"),
        (True, "true"),
    ],
)
def test_names_are_inert_and_numbers_are_numbers(name: object, cell: str) -> None:
    row = {"outcome": "y", "segment": {"=city": name}, "estimate": -0.25, "shown": "shown"}
    text = estimates_csv({"effects": [row]})
    assert text.count("\r\n") == 2
    assert text.endswith("\r\n")
    got = read(text)[0]
    assert got["segment:=city"] == cell
    assert got["estimate"] == "-0.25"


def test_no_cell_of_a_hostile_answer_starts_a_formula() -> None:
    text = estimates_csv(answer_of(hostile_report))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows for cell in row):
        assert not re.match(r"[=+@\t\r\n]|-(?![\d.])", cell), cell
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", cell)
    assert ATTACK in text.replace('""', '"')


def test_an_answer_of_another_age_is_read_too() -> None:
    old = {"study": "s", "effects": [{"outcome": "y", "segment": {}, "estimate": 1e-300}]}
    assert read(estimates_csv(old))[0]["estimate"] == "1e-300"
    new = {"effects": [{"outcome": "y", "segment": {}, "brand_new": 3, "also": [1, None]}]}
    row = read(estimates_csv(new))[0]
    assert (row["brand_new"], row["also_low"], row["also_high"]) == ("3", "1", "")


def test_equal_answers_give_equal_bytes() -> None:
    assert estimates_csv(answer_of(everything_report)) == estimates_csv(
        answer_of(everything_report)
    )


@pytest.fixture(scope="module")
def pdf() -> bytes:
    """The demo's page as a PDF file."""
    return pdf_of(render_html(checkout_report()))


def streams(made: bytes) -> str:
    """Return the readable parts of a PDF file, unpacked."""
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, flags=re.DOTALL)
    unpacked = []
    for part in parts:
        try:
            unpacked.append(zlib.decompress(part))
        except zlib.error:
            unpacked.append(part)
    return b"\n".join([made, *unpacked]).decode("latin-1")


def test_a_pdf_is_tagged_titled_and_has_its_fonts(pdf: bytes) -> None:
    text = streams(pdf)
    assert pdf.startswith(b"%PDF-1.7")
    assert "/Lang (en)" in text
    assert "/Marked true" in text
    assert "pdfuaid" in text
    assert "/StructTreeRoot" in text
    for tag in ("/H1", "/H2", "/Table", "/TH", "/Figure", "/L"):
        assert f"/S {tag}" in text, tag
    figures = re.findall(r"/S /Figure.*?>>", text)
    assert figures
    assert text.count("/Alt ") == text.count("/S /Figure")
    assert "Mobile expanded options: Roll out" in text
    fonts = text.count("/Type /FontDescriptor")
    assert fonts
    assert fonts == len(re.findall(r"/FontFile\d? ", text))


def test_a_pdf_has_no_script_no_date_and_no_link_to_a_machine(pdf: bytes) -> None:
    text = streams(pdf)
    for word in ("/JavaScript", "/CreationDate", "/ModDate", "file:", "/Launch"):
        assert word not in text, word


def test_withheld_numbers_are_not_in_the_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = words_of(withheld_report(), monkeypatch)
    assert "more orders" in render_html(checkout_report())
    assert "more orders" not in hidden
    assert "may be wrong in size" in hidden


def words_of(report: Report, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the words that are laid out, in order."""
    import weasyprint

    laid_out: list[str] = []

    def noted(page: Any, **options: Any) -> bytes:
        for sheet in page.render(**options).pages:
            boxes = sheet._page_box.descendants()
            laid_out.extend(box.text for box in boxes if hasattr(box, "text"))
        return b""

    monkeypatch.setattr(weasyprint.HTML, "write_pdf", noted)
    pdf_of(render_html(report))
    monkeypatch.undo()
    return " ".join(laid_out)


def test_a_page_that_asks_for_more_is_refused_and_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("socket.create_connection", lambda *a, **k: asked.append(a))
    monkeypatch.setattr("socket.socket.connect", lambda *a, **k: asked.append(a))
    page = "<html lang=en><title>Page</title><style>p{margin:0}</style><main></main></html>"
    assert pdf_of(page).startswith(b"%PDF-")
    for more in (
        '<img src="http://127.0.0.1:9/x.png" alt="x">',
        '<link rel="stylesheet" href="https://example.org/x.css">',
        '<img src="file:///etc/hostname" alt="x">',
        "<style>body{background:url(http://127.0.0.1:9/y.png)}</style>",
    ):
        with pytest.raises(PublishError, match="asks for something that is not in it"):
            pdf_of(page.replace("</main>", f"{more}</main>"))
    assert asked == []


def test_without_weasyprint_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = render_html(checkout_report())
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(UsageError, match=r"pip install 'whatif\[pdf\]'"):
        pdf_of(page)
    broken = tmp_path / "weasyprint.py"
    broken.write_text("raise OSError('cannot load library libpango-1.0-0')\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="cannot load library libpango"):
        pdf_of(page)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A stored run."""
    report = checkout_report()
    files = {
        "answer.json": answer_json(report).encode(),
        "report.html": render_html(report).encode(),
    }
    return write_run(tmp_path, "demo", report.run_id, files).path


def test_a_stored_run_comes_in_every_form_and_equal_pages_give_equal_pdfs(
    run_folder: Path, pdf: bytes
) -> None:
    assert list(FORMS) == ["html", "pdf", "json", "csv"]
    made = {name: form(run_folder) for name, form in FORMS.items()}
    assert made["html"] == (run_folder / "report.html").read_bytes()
    assert made["json"] == (run_folder / "answer.json").read_bytes()
    assert made["csv"].decode() == estimates_csv(json.loads(made["json"]))
    assert made["pdf"] == pdf


@pytest.mark.parametrize("form", FORMS)
def test_an_altered_run_comes_in_no_form(run_folder: Path, form: str) -> None:
    for name in ("report.html", "answer.json"):
        (run_folder / name).write_bytes((run_folder / name).read_bytes() + b" ")
    with pytest.raises(PublishError, match=r"of run \w+ is gone, or not what the run wrote"):
        FORMS[form](run_folder)
    for name in ("report.html", "answer.json"):
        (run_folder / name).unlink()
    with pytest.raises(PublishError, match=r"of run \w+ is gone, or not what the run wrote"):
        FORMS[form](run_folder)

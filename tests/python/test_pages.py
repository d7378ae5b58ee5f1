"""The examples of docs/python.md, as they are on the page, and the notebook beside it, with the simulator."""

import doctest
import functools
import os
import sys

import pytest

import fanfold

from conftest import ROOT


def test_every_example_of_the_page(monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.setattr(fanfold.Job, "__init__", functools.partialmethod(fanfold.Job.__init__, simulate=True))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    parser = doctest.DocTestParser()
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    # The sign for a line without a result, which Markdown does not need.
    test = parser.get_doctest(page, {}, "docs/python.md", "docs/python.md", 0)
    assert len(test.examples) >= 15
    runner = doctest.DocTestRunner(optionflags=flags)
    said = []
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_the_notebook_runs_from_top_to_bottom_and_shows_what_it_should(monkeypatch, tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("pandas")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    notebook = nbformat.read(ROOT / "docs" / "python.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=str(tmp_path))
    html = [
        output["data"]["text/html"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    lines = [text for text in html if "<b>fanfold" in text]
    assert len(lines) >= 3 and all("✓" in text and "tokens" in text for text in lines), lines
    assert "to_send" not in "".join(lines)


def test_an_interrupted_cell_of_a_notebook_keeps_its_answers_and_the_next_kernel_continues(monkeypatch, service):
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    server = service("--latency", "fixed:100ms")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    cell = f"""
import fanfold
rows = [{{"body": f"text {{number}}"}} for number in range(200)]
out = fanfold.map(rows, "Say {{{{ body }}}}", model={{"name": "qwen-plus", "base_url": {server.url!r}}}, concurrency=4)
print("ok:", sum(row["status"] == "ok" for row in out))
"""
    kernels, client = manager.start_new_kernel(kernel_name="python3")
    try:
        client.execute(cell)
        server.wait_until(lambda: len(server.requests()) >= 20)
        # The whole process group of a kernel gets the interrupt.
        kernels.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["ename"] == "KeyboardInterrupt", reply
        assert len(server.requests()) < 200
        client.execute(cell)
        server.wait_until(lambda: len(server.requests()) >= 60)
    finally:
        client.stop_channels()
        kernels.shutdown_kernel(now=True)
    kernels, client = manager.start_new_kernel(kernel_name="python3")
    try:
        said = []
        hook = lambda message: said.append(message["content"])  # noqa: E731
        client.execute_interactive(cell, timeout=120, output_hook=hook)
        assert any(content.get("text") == "ok: 200\n" for content in said), said
        pictures = [content["data"]["text/html"] for content in said if "text/html" in content.get("data", {})]
        assert any("<progress" in picture for picture in pictures) and "✓" in pictures[-1]
    finally:
        client.stop_channels()
        kernels.shutdown_kernel(now=True)
    assert len(server.requests()) == 200, "nothing that was answered was sent again"

"""Resuming, stopping, errors, and what a run says."""

import fcntl
import os
import pickle
import signal
import struct
import subprocess
import sys
import termios
import threading
import warnings

import pytest

import fanfold

from conftest import Service, python

PROMPT = "Summarise: {{ body }}"


def rows(count):
    return [{"body": f"text {number}"} for number in range(count)]


def settings(service, **more):
    return {"model": {"name": "qwen-plus", "base_url": service.url}, "progress": False, **more}


def test_the_call_again_sends_the_difference(service):
    server = service()
    table = rows(20)
    fanfold.map(table, PROMPT, **settings(server))
    assert len(server.requests()) == 20
    fanfold.map(table, PROMPT, **settings(server))
    assert len(server.requests()) == 20
    edited = [*table[:5], {"body": "edited"}, *table[6:], {"body": "added"}]
    del edited[10]
    out = fanfold.map(edited, PROMPT, **settings(server))
    assert len(server.requests()) == 22
    assert [row["response"].split(" [")[0] for row in out] == [f"Summary: Summarise: {row['body']}" for row in edited]
    fanfold.map(edited, PROMPT, **settings(server, max_total_tokens=10**9))
    assert len(server.requests()) == 22, "limits and caps are no part of the state"
    fanfold.map(edited, PROMPT, **settings(server, fresh=True))
    assert len(server.requests()) == 42


def test_a_preview_sends_nothing_and_is_an_object(service):
    server = service()
    more = settings(server, price={"input": 1.0, "output": 2.0})
    del more["progress"]
    fanfold.map(rows(3), PROMPT, **settings(server))
    seen = fanfold.preview(rows(5), PROMPT, **more)
    assert (seen.rows, seen.to_send, seen["kept"]) == (5, 2, 3)
    assert  0 < seen.expected < seen.most
    assert "5 rows" in repr(seen) and dict(seen)["version"] == 1
    with pytest.raises(AttributeError, match="it has version"):
        seen.nothing
    assert pickle.loads(pickle.dumps(seen)).rows == 5
    assert len(server.requests()) == 3


def test_errors_are_the_programs_words_with_its_exit_code(service):
    server = service()
    with pytest.raises(fanfold.JobError, match="did you mean `body`") as caught:
        fanfold.map(rows(1), "{{ bdy }}", **settings(server))
    assert caught.value.exit_code == 1 and not str(caught.value).startswith("error")
    with pytest.raises(fanfold.JobError, match="--max-cost") as caught:
        fanfold.map(rows(1), PROMPT, **settings(server, max_cots=5))
    assert caught.value.exit_code == 2
    with pytest.raises(fanfold.JobError, match="temprature") as caught:
        fanfold.preview(rows(1), PROMPT, model="qwen-plus", request={"temprature": 0})
    assert caught.value.exit_code == 1
    assert pickle.loads(pickle.dumps(caught.value)).exit_code == 1
    with pytest.raises(TypeError, match="`stop` is a object"):
        fanfold.map(rows(1), PROMPT, **settings(server, request={"stop": object()}))
    assert server.requests() == []


def test_a_key_that_is_missing_or_refused_is_an_error_and_the_answers_stay(service, tmp_path, monkeypatch):
    script = tmp_path / "script.toml"
    script.write_text('[[fault]]\ncontains = "text 3"\nstatus = 401\ncode = "InvalidApiKey"\n')
    server = service("--script", str(script))
    fanfold.map(rows(3), PROMPT, **settings(server))
    with pytest.raises(fanfold.JobError, match="key") as caught:
        fanfold.map(rows(5), PROMPT, **settings(server, concurrency=1))
    assert caught.value.exit_code == 4
    assert fanfold.preview(rows(5), PROMPT, model={"name": "qwen-plus", "base_url": server.url}).kept >= 3
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    with pytest.raises(fanfold.JobError, match="DASHSCOPE_API_KEY") as caught:
        fanfold.map(rows(1), PROMPT, model="qwen-plus", progress=False)
    assert caught.value.exit_code == 1


def test_rows_that_fail_are_a_warning_with_the_count_and_an_example(service, tmp_path):
    script = tmp_path / "script.toml"
    script.write_text('[[fault]]\ncontains = "text 3"\nstatus = 400\ncode = "data_inspection_failed"\n')
    server = service("--script", str(script))
    with pytest.warns(fanfold.FailedRows, match="1 row failed, for example: data_inspection_failed") as caught:
        out = fanfold.map(rows(5), PROMPT, **settings(server))
    assert caught[0].filename == __file__, "the warning is about the caller's line"
    assert [row["status"] for row in out].count("failed") == 1
    assert "data_inspection_failed" == out[3]["error_code"]


def test_a_cap_leaves_rows_pending_and_the_same_call_continues(service):
    server = service()
    with pytest.warns(fanfold.Unfinished, match="pending"):
        out = fanfold.map(rows(30), PROMPT, **settings(server, max_total_tokens=400, request={"max_tokens": 100}))
    states = {row["status"] for row in out}
    assert "pending" in states and len(out) == 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = fanfold.map(rows(30), PROMPT, **settings(server, request={"max_tokens": 100}))
    assert {row["status"] for row in out} == {"ok"} and len(server.requests()) == 30


MAP = """
import fanfold, sys
rows = [{{"body": f"text {{number}}"}} for number in range(200)]
model = {{"name": "qwen-plus", "base_url": {url!r}}}
out = fanfold.map(rows, "Summarise: {{{{ body }}}}", model=model, concurrency=4, progress=False)
print(sum(row["status"] == "ok" for row in out))
"""


def test_an_interpreter_that_is_killed_pays_for_nothing_twice(service):
    server = service("--latency", "fixed:100ms")
    killed = python(MAP.format(url=server.url))
    Service.wait_until(lambda: len(server.requests()) >= 20)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = python(MAP.format(url=server.url), stdout=subprocess.PIPE)
    assert again.communicate()[0].decode().split() == ["200"]
    assert again.returncode == 0
    assert len(server.requests()) == 200, "requests in flight finished although Python was dead"


def test_an_interrupt_keeps_what_is_answered_and_is_raised(service):
    server = service("--latency", "fixed:100ms")
    interrupted = python(MAP.format(url=server.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Service.wait_until(lambda: len(server.requests()) >= 20)
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate()
    assert b"KeyboardInterrupt" in said and interrupted.returncode != 0
    before = len(server.requests())
    assert before < 200
    again = python(MAP.format(url=server.url), stdout=subprocess.PIPE)
    assert again.communicate()[0].decode().split() == ["200"]
    assert len(server.requests()) == 200


def test_two_calls_at_once_are_refused_or_told_apart(service):
    server = service("--latency", "fixed:300ms")
    job = fanfold.Job(PROMPT, model={"name": "qwen-plus", "base_url": server.url}, concurrency=2)
    active = job.start(rows(8), progress=False)
    with pytest.raises(fanfold.JobError, match="another run of this prompt is active") as caught:
        job.map(rows(8), progress=False)
    assert caught.value.exit_code == 6
    other = fanfold.map(rows(2), PROMPT, **settings(server, output="other.jsonl"))
    assert len(other) == 2
    assert len(active.table()) == 8 and active.exit_code == 0
    assert len(job.map(rows(8), progress=False)) == 8
    assert len(server.requests()) == 10


def test_a_run_that_is_active_is_changed_looked_at_and_stopped(service):
    server = service("--latency", "fixed:50ms")
    job = fanfold.Job(PROMPT, model={"name": "qwen-plus", "base_url": server.url}, qps=10)
    run = job.start(rows(400), progress=False)
    Service.wait_until(lambda: len(server.requests()) >= 5)
    assert run.running and repr(run) == "<Run: active>" and run.exit_code is None
    with pytest.raises(TimeoutError):
        run.wait(timeout=0.05)
    run.set(qps=40)
    Service.wait_until(lambda: run.status()["told"] == ["qps=40"])
    assert run.status()["running"] and run.status()["ok"] >= 1
    run.stop()
    assert not run.running and run.exit_code == 130
    with pytest.warns(fanfold.Unfinished, match="pending"):
        table = run.wait().table()
    answered = [row for row in table if row["status"] == "ok"]
    assert len(answered) == len(server.requests()) == run.receipt["rows"]["ok"]
    with pytest.raises(fanfold.JobError, match="4"):
        raise fanfold.JobError("4", 4)


def test_a_job_file_is_run_and_its_table_read_in_each_kind(service, tmp_path):
    server = service()
    with open("in.jsonl", "w") as file:
        file.write('{"id": 1, "body": "one"}\n{"id": 2, "body": "two"}\n')
    with open("job.toml", "w") as file:
        file.write('input.path = "in.jsonl"\noutput.path = "out.csv"\nmodel.name = "qwen-plus"\nprompt.user = "{{ body }}"\n')
    run = fanfold.run("job.toml", progress=False, base_url=server.url, price={"input": 1, "output": 2})
    assert run.rows == 2 and run.cost > 0 and run.tokens > 0 and run.exit_code == 0
    assert [row["id"] for row in run.table()] == [1, 2]
    assert "2 rows: 2 ok" in repr(run) and "2 ok" in run._repr_html_()
    with pytest.raises(ValueError, match="kind of table"):
        run.table("excel")
    with pytest.raises(fanfold.JobError) as caught:
        fanfold.run("nowhere.toml", progress=False)
    assert caught.value.exit_code == 1 and "nowhere.toml" in str(caught.value)


def test_a_table_of_a_job_file_in_each_kind(service):
    server = service()
    with open("in.csv", "w") as file:
        file.write("id,body\n1,one\n2,two\n")
    flags = {"input": "in.csv", "output": "out.parquet", "model": "qwen-plus", "prompt": "{{ body }}"}
    with open("job.toml", "w") as file:
        file.write("")
    run = fanfold.run("job.toml", progress=False, base_url=server.url, **flags)
    pandas, polars, pyarrow = map(pytest.importorskip, ["pandas", "polars", "pyarrow"])
    for kind, library in [("pandas", pandas.DataFrame), ("polars", polars.DataFrame), ("pyarrow", pyarrow.Table)]:
        table = run.table(kind)
        assert isinstance(table, library) and len(table) == 2 and list(table["status"].to_pylist() if kind == "pyarrow" else table["status"]) == ["ok", "ok"]


def test_the_module_is_the_program():
    ended = subprocess.run([sys.executable, "-m", "fanfold", "--version"], capture_output=True, env={**os.environ})
    assert ended.stdout.startswith(b"fanfold ") and ended.returncode == 0


def test_progress_is_shown_where_there_is_no_terminal(service, capfd):
    server = service()
    fanfold.map(rows(3), PROMPT, model={"name": "qwen-plus", "base_url": server.url})
    said = capfd.readouterr()
    assert "3 rows: 3 ok" in said.err and said.out == ""
    fanfold.map(rows(3), PROMPT, **settings(server))
    assert capfd.readouterr().err == ""


def test_a_terminal_gets_the_programs_own_bar(service):
    server = service("--latency", "fixed:100ms")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    code = MAP.format(url=server.url).replace("concurrency=4, progress=False", "concurrency=40")
    child = python(code, stdout=theirs, stderr=theirs, TERM="xterm-256color")
    os.close(theirs)
    said = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        said += data
    os.close(ours)
    assert child.wait() == 0
    assert b"\x1b[" in said and b"200 rows: 200 ok" in said, said


def test_a_background_thread_may_wait(service):
    server = service()
    results = []
    thread = threading.Thread(target=lambda: results.append(fanfold.map(rows(2), PROMPT, **settings(server))))
    thread.start()
    thread.join(60)
    assert len(results[0]) == 2


def test_keys_of_the_job_file_are_written_as_toml(tmp_path):
    from fanfold._job_file import job_file

    text = job_file(
        {
            "prompt": {"user": 'a "quoted" \\ line\nof 𝔘 \x7f\x01', "system": None},
            "request": {"stop": ["a", "b"], "temperature": 0.5, "extra key": {"deep": {"n": 1, "none": None}}, "flag": True},
            "empty": {},
        }
    )
    tomllib = pytest.importorskip("tomllib")
    assert tomllib.loads(text) == {
        "prompt": {"user": 'a "quoted" \\ line\nof 𝔘 \x7f\x01'},
        "request": {"stop": ["a", "b"], "temperature": 0.5, "extra key": {"deep": {"n": 1}}, "flag": True},
    }

#!/usr/bin/env python3
"""What two usual ways to send every line of a file cost, for the comparison in docs/comparison.md.

    pip install aiohttp openai && benches/clients.py

Both send each row of 1 KB to nginx on loopback (benches/nginx.conf, a reply of 950 bytes), 64 at a time, and write each
answer to a file of lines. `loop` is aiohttp with some workers that take rows from one iterator; `sdk` is the vendor's
client, one task for each row and a semaphore, as most guides show it. Neither has limits, retries or a journal.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = {"loop": 20_000, "sdk": 5_000}
IN_FLIGHT = 64
TEXT_BYTES, REPLY_BYTES = 1_000, 950
PORT = 18_463
URL = f"http://127.0.0.1:{PORT}/v1"


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            body = {"model": "qwen-plus", "messages": [{"role": "user", "content": row["text"]}]}
            yield row["id"], body


def kept(name, content, tokens):
    return json.dumps({"id": name, "response": content, "total_tokens": tokens}) + "\n"


async def loop(source, target):
    import aiohttp

    todo = rows(source)
    with open(target, "w", encoding="utf-8") as output:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

            async def worker():
                for name, body in todo:
                    headers = {"Authorization": "Bearer any"}
                    async with session.post(f"{URL}/chat/completions", json=body, headers=headers) as response:
                        reply = await response.json()
                    content = reply["choices"][0]["message"]["content"]
                    output.write(kept(name, content, reply["usage"]["total_tokens"]))

            await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def sdk(source, target):
    import openai

    client, places = openai.AsyncOpenAI(base_url=URL, api_key="any"), asyncio.Semaphore(IN_FLIGHT)
    with open(target, "w", encoding="utf-8") as output:

        async def one(name, body):
            async with places:
                reply = await client.chat.completions.create(**body)
            output.write(kept(name, reply.choices[0].message.content, reply.usage.total_tokens))

        await asyncio.gather(*(one(name, body) for name, body in rows(source)))


def reply():
    def whole(content):
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 260, "completion_tokens": 120, "total_tokens": 380}
        return json.dumps({"id": "chatcmpl-0", "object": "chat.completion", "created": 1_767_225_600,
                           "model": "qwen-plus", "choices": [choice], "usage": usage})

    return whole(("An answer of ordinary words. " * 40)[: REPLY_BYTES - len(whole(""))])


def measure(name, folder):
    """Runs this script for one client in a process of its own, and returns what it said."""
    source = folder / "in.jsonl"
    words = "ordinary words of a row, and " * 40
    with open(source, "w", encoding="utf-8") as file:
        for row in range(ROWS[name]):
            file.write(json.dumps({"id": f"r{row:08}", "text": f"Row {row}: {words}"[:TEXT_BYTES]}) + "\n")
    command = [sys.executable, __file__, name, str(source), str(folder / "out.jsonl")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    if len(sys.argv) > 1:
        name, source, target = sys.argv[1:]
        before, began = time.process_time(), time.monotonic()
        asyncio.run({"loop": loop, "sdk": sdk}[name](source, target))
        cpu, wall = time.process_time() - before, time.monotonic() - began
        with open(target, encoding="utf-8") as file:
            written = sum(1 for _ in file)
        assert written == ROWS[name], f"{written} rows written"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name}: {cpu / written * 1e6:,.0f} µs of CPU per row, {written / wall:,.0f} rows/s, {peak:.0f} MiB")
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        config = (Path(__file__).parent / "nginx.conf").read_text(encoding="utf-8")
        config = config.replace(":PORT ", f":{PORT} ").replace("'REPLY'", f"'{reply()}'")
        (folder / "nginx.conf").write_text(config, encoding="utf-8")
        server = subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf"])
        try:
            time.sleep(1)
            for name in ROWS:
                for _ in range(3):
                    print(measure(name, folder), flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()

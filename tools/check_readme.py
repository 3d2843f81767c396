#!/usr/bin/env python3
"""check_readme.py RIDGE: runs every `ridge ...` line of README.md's sh blocks in a scratch folder; all must exit with 0.

Lines that download nothing and need no file of the user's run as they are. A block marked `<!-- not run -->` on the line before it is
skipped and said so.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
ridge = pathlib.Path(sys.argv[1]).resolve()
text = (root / "README.md").read_text()
failed = ran = 0
with tempfile.TemporaryDirectory() as scratch:
    (pathlib.Path(scratch) / "story.txt").write_text("Once upon a time there was a king who had three sons. " * 60)
    bindir = pathlib.Path(scratch) / "bin"
    bindir.mkdir()
    os.symlink(ridge, bindir / "ridge")
    env = dict(os.environ, PATH=f"{bindir}:{os.environ['PATH']}", XDG_CONFIG_HOME=scratch, XDG_STATE_HOME=scratch)
    for match in re.finditer(r"(<!-- not run[^>]*-->\n)?```sh\n(.*?)```", text, re.DOTALL):
        for line in match[2].splitlines():
            line = line.strip()
            if not (line.startswith("ridge ") or "| ridge " in line):
                continue
            if match[1]:
                print(f"not run: {line}")
                continue
            done = subprocess.run(["sh", "-c", line], cwd=scratch, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
            ran += 1
            if done.returncode != 0:
                failed += 1
                print(f"FAILED ({done.returncode}): {line}\n{done.stderr[-2000:]}")
    # The commands of the table.
    for line in re.findall(r"^\| `(ridge [^`]*)`", text, re.MULTILINE):
        done = subprocess.run(["sh", "-c", line.replace("\\|", "|")], cwd=scratch, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        ran += 1
        if done.returncode != 0:
            failed += 1
            print(f"FAILED ({done.returncode}): {line}\n{done.stderr[-2000:]}")
print(f"README: {ran} commands run, {failed} failed")
sys.exit(1 if failed or not ran else 0)

#!/usr/bin/env python3
"""Checks what docs/architecture.md promises: who may include whom, vendor headers, file lengths. Exit 1 with the offenders."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A folder may include itself and what stands before it; folders in one group do not see one another.
GROUPS = [["base"], ["tensor"], ["formats", "device"], ["context"], ["ops"], ["state", "files", "text", "image", "audio"], ["nn"],
          ["models"], ["quantize", "train", "engine", "plan"], ["serve", "cli", "python"]]
# Narrower than the order allows, on purpose.
ONLY = {"text": {"base"}, "image": {"base", "tensor"}, "audio": {"base"}}
VENDOR = re.compile(r"(cuda|cublas|cudnn|nccl|hip/|hipblas|CL/|opencl)", re.IGNORECASE)
KERNEL_FILE = re.compile(r"\.(gpu|sm\d+a?)\.cu$|\.cl$")
LONGEST = 600


def allowed(folder: str) -> set:
    if folder in ONLY:
        return ONLY[folder] | {folder}
    seen = set()
    for group in GROUPS:
        if folder in group:
            return seen | {folder}
        seen |= set(group)
    return set()


def main() -> int:
    faults = []
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        path = ROOT / name
        if path.suffix not in {".cpp", ".h", ".cu", ".cl", ".py", ".sh", ".cmake"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        lines = text.count("\n")
        if lines > LONGEST and not name.startswith("tests/data/"):
            faults.append(f"{name}: {lines} lines, at most {LONGEST}")
        parts = pathlib.PurePath(name).parts
        if parts[0] != "src" or len(parts) < 3:
            continue
        folder = parts[1]
        may = allowed(folder)
        if not may:
            faults.append(f"{name}: folder src/{folder} is not in the order of docs/architecture.md")
            continue
        for number, line in enumerate(text.split("\n"), 1):
            own = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
            if own and own[1] not in may and own[1] != "ridge":
                faults.append(f"{name}:{number}: {folder} may not include {own[1]}")
            other = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if other and VENDOR.search(other[1]) and folder != "device" and not KERNEL_FILE.search(name):
                faults.append(f"{name}:{number}: vendor header <{other[1]}> outside src/device and kernel files")
    for fault in faults:
        print(fault)
    print(f"house: {len(faults)} faults")
    return 1 if faults else 0


sys.exit(main())

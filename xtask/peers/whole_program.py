"""Runs a command to its end and prints {"seconds": ..., "peak_bytes": ...}: how long it took from start to exit and the most
memory that it held. In Python because its standard library tells the memory of a child that has ended. What this program
itself holds, some 10 MB, is the least that can be measured.

usage: whole_program.py COMMAND [ARGUMENTS...]"""
import json
import resource
import subprocess
import sys
import time

start = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
if status != 0:
    sys.exit(f'{sys.argv[1]} ended with {status}')
# Linux counts in units of 1,024 bytes, macOS in bytes.
unit = 1 if sys.platform == 'darwin' else 1024
peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
print(json.dumps({'seconds': seconds, 'peak_bytes': peak_bytes}))

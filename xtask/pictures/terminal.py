"""Runs a program in a terminal of its own and prints what the program wrote to it.

usage: terminal.py COLUMNS PROGRAM ARGS..."""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(columns), 0, 0))
    os.execvp(command[0], command)
while True:
    try:
        written = os.read(terminal, 65536)
    except OSError:  # Linux reports the end as an I/O error
        break
    if not written:
        break
    sys.stdout.buffer.write(written)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

"""Reads frames from its standard input, looks at each, and writes a byte for it: piped.py BYTES"""

import sys

import numpy as np

total = 0.0
while len(data := sys.stdin.buffer.read(int(sys.argv[1]))) > 0:
    frame = np.frombuffer(data, np.float32)
    total += frame[0] + frame[-1]
    sys.stdout.buffer.write(b".")
    sys.stdout.buffer.flush()

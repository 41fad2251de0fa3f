"""Receives frames until their sender ends, and looks at each: receiving.py ENDPOINT"""

import sys

import numpy as np

from pageferry import Receiver

total = 0.0
with Receiver(sys.argv[1]) as receiver:
    for message in receiver:
        frame = np.frombuffer(message, np.float32)
        total += frame[0] + frame[-1]
        del frame

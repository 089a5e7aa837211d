# SPDX-License-Identifier: GPL-2.0
"""Let gdb name the thunks, which it takes for signal frames because they lie
on another stack than their callers."""
import gdb
from gdb.FrameDecorator import FrameDecorator


class Thunk(FrameDecorator):
    def function(self):
        frame = self.inferior_frame()
        if frame.type() == gdb.SIGTRAMP_FRAME and frame.pc() >> 63:
            return frame.name() or "<thunk>"
        return super().function()


class ThunkFilter:
    name = "ukl-thunks"
    priority = 100
    enabled = True

    def filter(self, frames):
        return map(Thunk, frames)


gdb.frame_filters[ThunkFilter.name] = ThunkFilter()

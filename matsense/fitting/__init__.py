"""Which law a trace follows in the end, and how surely: windows, rates, floors; its calibration."""

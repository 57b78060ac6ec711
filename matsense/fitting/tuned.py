"""The numbers of the fits that no theory gives, in one table; what settled each group.

They were settled on seeds 0 to 6 of the rows of `matsense.fitting.calibration` that are named,
those of rivals on seeds 20, 33 and 101 to 108; figures/calibration.txt is seed 44, drawn once.
Grids (how finely something is tried) stand where they are used.
"""

# The late windows that are tried
WINDOW_RATIO = 1.2  # candidate windows shrink by this factor: fine enough where they are short,
FRONT_RATIO = 1.6  # and the ticks left out grow by this one: fine enough where most are kept

# What residuals say of an error: held against the coverage of the known laws and of noise that
# remembers
CHANCE = 1.5  # standard deviations that a value may move by when the window's start moves
SHARP = 0.5  # error of log(t_a + t0) above which a window does not determine its shift
CURVE = 2e-3  # second differences against size, both squared, of residuals that are a curve
TELLING = 3.0  # a later window with an error this many times larger has no say

# The error of a window: held against the coverage of the known laws
WAVY = 4.0  # of a variance told by residuals without scatter: a wave is no sum of many chances
INFLATION = 1.15  # of every error: pays for having looked at many windows; measured

# Flat ends: held against the rows with floors, false floors and the hopeless traces
LEAST_STALL = 5  # ticks that make a floor
FLAT = 0.02  # |d log y / d log t| below this is flat even where it is seen not to be zero
OUTLYING = 8.0  # prediction errors by which a handful of last ticks must miss to be a floor
STEEPER = 4.0  # the decay before a floor is this many times what the floor may still hide
LEVELLED = 5.0  # standard errors of independent noise by which both ends of a flat trace may differ
EVEN = 0.1  # and nats
HIDDEN = 2.0  # nats: a whole trace that may, within its error, fall by more is not flat

# Which floors are rounding: held against runs in double precision
ABOVE_FLOOR = 10.0  # ticks within this factor of a floor are left to the floor
ROUNDING = 1e-20  # of its largest value: a floor below that of a squared error is arithmetic
DEEP = 1e-12  # of its largest value: rounding or a stall, unless the author says what rounding is
GUESSED = 1e4  # and so is one that is this many times the level that the author guessed

# The least that a law needs: held against the rows that are too short
LEAST_NATS = 3.5  # of decay, for an exponential
STALLED_NATS = 7.0  # a decay that shows falls by this: waves may hide half of it

# The choice of a window and of a law: held against the known laws
LEAST_DECADES = 1.5  # of t + t0, for a power law
CLEAR = 2.0  # ticks above this many floors give the first guess of a law fitted with its floor
NO_FLOOR = 0.33  # a fitted floor with a relative error above this is none
EVIDENCE = 10.0  # gap between sums of squares, in noise variances, that settles a choice
LEAST_PART = 1 / 4  # of the decay that the window of an exponential holds
CURVED = 1.5  # the rate of an exponential may not change by more than this over its window
QUIETER = 3.0  # a law this many times quieter than its floor is not fitted together with it

# Whether a pace has settled: held against two phases, growth at the end, sums of rates, edges of
# spectra, waves, stretched exponentials
SPREADS = 2.0  # deviations of the living rates by which the limit may lie below the pace
SEEN = 3.0  # standard errors that make a drift a fact
HINTED = 2.2  # and that raise the question whether it ends
SUDDEN = 4.5  # and a change over a few last ticks, of which there are many to look at
BREAK = 0.3  # a change of pace by this much over the last ticks is no drift
NEGLIGIBLE = 2e-3  # a drift, relative to the pace, that need not be explained
LOOSE = 0.3  # a drift that may be larger, relative to the pace, leaves open what it tends to
SMALL = 0.05  # a fall of the pace over a stretch, relative to it, that may go on for
AHEAD = 10.0  # so many stretches more: doublings of t, a thousand times the horizon
WAVE = 0.02  # a pace that goes up and down by more is none,
WAVED = 2.5  # seen by so many standard errors both ways
UNSEEN = 0.12  # standard errors of the drift that are charged where none is seen
SURE = 1.5  # standard errors by which ratios of drifts are held to be worse than they look
RESTED = 0.3  # share of what a drift would have done in the window, below which it has died
ALIKE = 0.12  # shares of the pace that differ by less than this are the same
TURNED = 0.4  # share of an earlier drift that a later one of the other sign may have
WANDERS = 0.15  # nats of a random walk over a window on which a power law cannot be told
PART = 0.8  # by which parts of a window shrink towards its end
QUIET = 0.5  # of a window: the least part of it that may tell that a fall has died

# What takes a law back: held against floors that set in, and false ones
YOUNG = 0.5  # t + t0 over t at the start of a window: less is the bend of a floor that is not seen
FLAT_NATS = 2.0  # a floor that falls (or rises) by more is none

# Rivals: held against logarithms, second powers, waves and factors beside an exponential
HOLDS = 1.2  # a law holds on every window on which its residuals are at most so much larger
STEEPEST = 2.0  # no law is thought of with a higher power of the logarithm,
LEAST_ARGUMENT = 1.5  # which is that of the ticks plus this or more
EDGED = 1.0  # noise variances by which an exponential beside a power may fit worse

"""How the loops of this package are compiled.

They pass tuples of many arrays. Counting references to each, and a way in from Python for each
function, would cost more than the work: nothing here allocates, and only entries are called from
Python. Sums may be reordered, so no number may be infinite or NaN.
"""

from __future__ import annotations

from sendopt.compiled import compiled

#: Is called from Python.
entry = compiled(fastmath=True, _nrt=False)
#: Is called by compiled code from several places.
called = compiled(fastmath=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
#: Becomes part of whoever calls it.
inlined = compiled(
    fastmath=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
)

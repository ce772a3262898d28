"""Cases of the Camel vectors that the embedded engine does not run yet, and what each waits for.

The runner asserts that every case is run or stands here, that none stands here without need (its part is
known to the engine), and that each known difference is one.
"""

from __future__ import annotations

NOT_YET: dict[str, str] = {}

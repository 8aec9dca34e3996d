"""Says which interpreter this is, below any virtual environment, as one line."""

import json
import os
import platform
import sys

base = getattr(sys, "_base_executable", None) or sys.executable
print(
    json.dumps(
        {
            "path": os.path.realpath(base),
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "usable": sys.version_info[:2] >= (3, 6)
            and sys.version_info.releaselevel == "final"
            and sys.maxsize > 2**32,
        }
    )
)

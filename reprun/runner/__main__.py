"""`python -I -S <this folder> supervise RUN_DIR`: finds its own package, since -I leaves nothing else on the path."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from reprun.runner.main import main

main(sys.argv[1:])

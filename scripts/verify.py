"""`sobolev verify FILE…`: is a dataset whole, and are its solutions true?"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sobolev.geometry.errors import InputError
from sobolev.scripts.common import Parser, guarded, progress_bar


def main(argv: Sequence[str]) -> int:
    """Print one line a check; exit code 1 where one failed, 2 for a damaged file."""
    parser = Parser("verify", __doc__ or "")
    parser.add_argument("files", nargs="+", help="datasets that `sobolev generate` wrote")
    given = parser.parse_args(list(argv))
    from sobolev.datasets.verification import verify

    good = True
    for path in given.files:
        with progress_bar("verify") as progress:
            report = verify(path, progress=progress)
        checksums = report.checks[0]
        if not checksums.passed:
            raise InputError(f"{path} is {checksums.figure}; copy or generate it again")
        print(report)
        good = good and report.passed
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(guarded("sobolev verify", main, sys.argv[1:]))

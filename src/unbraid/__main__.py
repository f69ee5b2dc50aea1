"""The `unbraid` program, also `python -m unbraid`, which is what torchrun starts."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C is one line even while packages are being loaded."""
    try:
        try:
            from unbraid.cli.app import main as run
        except ModuleNotFoundError as error:
            if error.name not in ("typer", "rich"):
                raise
            from unbraid.cli.bare import main as run  # training alone, only torch is installed
        run()
    except KeyboardInterrupt:
        sys.stderr.write("unbraid: cancelled\n")
        sys.exit(130)


if __name__ == "__main__":
    main()

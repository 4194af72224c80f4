"""`python -m netspec` and the console script."""

from netspec.cli import main

if __name__ == "__main__":
    main()

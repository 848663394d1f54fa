"""Train soft prompts: `python run.py task=cb encoder=residual`. See `python run.py --help`."""

from rpt.cli import main

if __name__ == "__main__":
    main()

"""``python -m medtutor``: the same as the command ``medtutor``."""

from medtutor.course.cli import main

if __name__ == "__main__":
    main()

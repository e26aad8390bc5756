"""medtutor: runnable lectures on deep learning for medical image interpretation.

Importing this package is instant, offline and needs no GPU: torch is imported by the modules that
use it, when they are first needed.
"""

__version__ = "0.1.0"

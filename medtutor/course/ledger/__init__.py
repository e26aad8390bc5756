"""From measured values to verdicts, and from verdicts to lines, tables and the scoreboard."""

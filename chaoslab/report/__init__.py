"""Reports: frames, statistics, tables and progress lines, made from histories and verdicts."""

"""Read tables (CSV, JSON lines, Parquet, Excel), some rows at a time, and only the columns that a map reads."""

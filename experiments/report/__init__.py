"""What a reader looks at: pages, tables and figures of runs, comparisons and given matrices."""

"""The test suite's oracle: a transformer written once more, edge by edge, for clarity instead of speed."""

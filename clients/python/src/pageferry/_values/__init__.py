"""The layout of a value: docs/values.md."""

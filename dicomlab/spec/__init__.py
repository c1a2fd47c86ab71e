"""The standard as data: tables, codes and names. No behaviour but what a table line needs."""

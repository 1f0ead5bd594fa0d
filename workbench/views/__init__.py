"""The dashboard's pages: each reads its widgets, calls one cached function and draws one result."""

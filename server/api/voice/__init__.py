"""The API of the collection campaigns: campaigns, targets, templates, holidays, promises, imports, figures."""

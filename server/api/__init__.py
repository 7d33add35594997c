"""The REST API of a tenant, one router per resource."""

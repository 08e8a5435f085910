//! Incidents, policies and people over HTTP: ingest, API, console, remediation.

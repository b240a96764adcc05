//! Helpers for backend adapters that speak OCPP 1.6; being written.

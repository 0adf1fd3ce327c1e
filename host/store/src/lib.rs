//! Copies of backups in object stores.

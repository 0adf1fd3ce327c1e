//! Rules that decide which copies of backups are kept.

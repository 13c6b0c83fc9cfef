//! What a story tells of runs.

//! What a query means.

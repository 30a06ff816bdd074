//! The pages as responses.

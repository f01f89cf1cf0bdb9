//! The plans of the repository.

//! What `planrun check`, `schema` and `init` print.

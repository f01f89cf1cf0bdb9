//! Tests across modules: documents that are generated from tables.

mod docs;

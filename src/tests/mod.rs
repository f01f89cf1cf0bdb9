//! What holds across rooms: documents that are made from tables.

mod docs;

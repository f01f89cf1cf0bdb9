//! Why bytes are not an HTTP/1.1 response.

/// Why bytes are not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    /// Not a head.
    #[error("invalid head: {0}")]
    Head(#[from] httparse::Error),
    /// Not a status.
    #[error("invalid status")]
    Status,
    /// A head, its extensions or its trailers are larger than the plan's limit: bytes.
    #[error("more than {0} bytes of head, or around the body")]
    TooLarge(u32),
    /// A head has more headers than the plan's limit.
    #[error("more than {0} headers")]
    TooMany(u32),
    /// Not a length, or several.
    #[error("invalid or conflicting content-length")]
    Length,
    /// Two ways to say where the body ends, or one that HTTP/1.0 does not have.
    #[error("ambiguous transfer-encoding")]
    Ambiguous,
    /// Not a chunk.
    #[error("invalid chunk")]
    Chunk,
}

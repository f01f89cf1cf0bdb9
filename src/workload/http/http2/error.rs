//! Turns errors of HTTP/2 streams and connections into request errors.

use super::super::error::RequestError;
use super::super::exchange::RetrySafety;
use super::super::transport::broken;
use super::Http2Connection;
use crate::record::{Failure, FailureStage};
use h2::{Error, Reason};

impl Http2Connection {
    /// The failure of a stream or connection error, and whether the request may be sent again.
    /// `bytes`: how much of the response had arrived.
    pub(super) fn error_of(&self, error: &Error, bytes: u64) -> (RequestError, RetrySafety) {
        let of = |failure, code| {
            let words = format!("{error}, after {bytes} bytes");
            let mut error = RequestError::new(failure, FailureStage::Request, words);
            error.cause.code = code;
            error
        };
        let reason = error.reason().unwrap_or(Reason::NO_ERROR);
        if error.is_reset() && error.is_remote() {
            let retry_safety = if reason == Reason::REFUSED_STREAM {
                RetrySafety::Safe
            } else {
                RetrySafety::Unsafe
            };
            let code = i32::try_from(u32::from(reason)).unwrap_or(i32::MAX);
            return (of(Failure::StreamReset, code), retry_safety);
        }
        if error.is_go_away() && error.is_remote() {
            // It ends only streams that the server has not processed, regardless of its reason (RFC
            // 9113, 6.8).
            return (of(Failure::ClosedByServer, 0), RetrySafety::Safe);
        }
        if error.is_io() {
            return (self.ended(bytes), RetrySafety::Unsafe);
        }
        // What the library calls a lack of calm are its own limits; of what else is not the peer's
        // it says so.
        let data = error.to_string();
        let of_head = ["header_list_way_too_large", "too_many_continuations"];
        let error = match reason {
            Reason::COMPRESSION_ERROR if error.is_library() => self.over_head(),
            Reason::ENHANCE_YOUR_CALM if of_head.iter().any(|one| data.contains(one)) => {
                self.over_head()
            }
            Reason::ENHANCE_YOUR_CALM => of(Failure::ClientError, 0),
            _ if !error.is_library() => of(Failure::ClientError, 0),
            _ => of(Failure::BadHttp, 0),
        };
        (error, RetrySafety::Unsafe)
    }

    /// A response head that exceeds the plan's limit.
    pub(super) fn over_head(&self) -> RequestError {
        let head = self.limits.head;
        let words = format!("more than {head} bytes of head");
        RequestError::over_limit(&words, "head", head.into())
    }

    /// How the socket ended.
    pub(super) fn ended(&self, bytes: u64) -> RequestError {
        let closed = || {
            let words = format!("the connection ended, after {bytes} bytes");
            RequestError::new(Failure::ClosedByServer, FailureStage::Request, words)
        };
        let end = self.socket_status.end(|end| match end {
            Ok(()) => closed(),
            Err(error) => broken(error, bytes),
        });
        end.unwrap_or_else(closed)
    }
}

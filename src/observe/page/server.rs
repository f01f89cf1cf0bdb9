//! Answers the requests of viewers, on one thread.

use super::super::view::View;
use super::access::Access;
use super::document::Document;
use super::history::History;
use super::metrics::metrics;
use super::viewers::{Shown, Viewers};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, request};
use http_body_util::channel::Channel;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// Between two views that are shown, but for the last.
const PACE: Duration = Duration::from_millis(200);
/// Connections at the same time at most, those of viewers included.
const CONNECTIONS: usize = 256;
/// The time-out for a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The last view waits so long for viewers that are slow.
const GRACE: Duration = Duration::from_secs(1);

type Answer = Response<Either<Full<Bytes>, Channel<Bytes>>>;

/// The page of one command.
pub(super) struct PageServer {
    access: Access,
    document: Document,
    stop: fn(),
}

impl PageServer {
    pub(super) fn new(access: Access, stop: fn()) -> Self {
        Self { access, document: Document::new(), stop }
    }

    /// Serves until no more views come.
    pub(super) fn run(self, listener: TcpListener, views: UnboundedReceiver<Arc<View>>) {
        // Without a runtime there is no page; the run continues.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        let viewers = Viewers::new();
        let local = LocalSet::new();
        local.block_on(&runtime, async {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            tokio::select! {
                () = Rc::new(self).accept(listener, &viewers) => {}
                () = publish(views, &viewers) => {}
            }
            let gone = async {
                while viewers.count() > 0 {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            // Slower viewers are cut off.
            let _ = timeout(GRACE, gone).await;
        });
    }

    async fn accept(self: Rc<Self>, listener: tokio::net::TcpListener, viewers: &Rc<Viewers>) {
        let room = Rc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // No descriptor is free, for one; later there may be.
                sleep(PACE).await;
                continue;
            };
            let (server, viewers, room) = (Rc::clone(&self), Rc::clone(viewers), Rc::clone(&room));
            tokio::task::spawn_local(async move {
                // Clients beyond the limit are refused by closing their connection.
                if let Ok(permit) = room.try_acquire() {
                    server.serve(stream, &viewers, permit).await;
                }
            });
        }
    }

    async fn serve(
        self: Rc<Self>,
        stream: TcpStream,
        viewers: &Rc<Viewers>,
        _permit: SemaphorePermit<'_>,
    ) {
        let service = service_fn(|request: Request<Incoming>| {
            let answer = self.answer(&request.into_parts().0, viewers);
            async move { Ok::<_, Infallible>(answer) }
        });
        // A viewer that has left is not an error.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn answer(&self, request: &request::Parts, viewers: &Rc<Viewers>) -> Answer {
        if let Err(denied) = self.access.check(request) {
            return text(StatusCode::FORBIDDEN, &denied.to_string());
        }
        match (&request.method, request.uri.path()) {
            (&Method::GET, "/") => self.page(),
            (&Method::GET, "/events") => events(viewers),
            (&Method::GET, "/metrics") => metrics_of(viewers),
            (&Method::POST, "/stop") => {
                (self.stop)();
                text(StatusCode::ACCEPTED, "the run is being stopped")
            }
            (_, "/" | "/events" | "/metrics" | "/stop") => {
                text(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method")
            }
            _ => text(StatusCode::NOT_FOUND, "there is /, /events, /metrics and /stop"),
        }
    }

    fn page(&self) -> Answer {
        let mut answer = of(StatusCode::OK, "text/html; charset=utf-8", self.document.html());
        if let Ok(policy) = HeaderValue::from_str(self.document.policy()) {
            answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        answer
    }
}

/// Shows views as they come, but not more often than anybody can see.
async fn publish(mut views: UnboundedReceiver<Arc<View>>, viewers: &Rc<Viewers>) {
    let mut run: Option<String> = None;
    while let Some(mut view) = views.recv().await {
        loop {
            // A search has a run after the other.
            if run.as_ref() != Some(&view.outline.folder) {
                run = Some(view.outline.folder.clone());
                viewers.history.replace(History::new(view.scenarios.len(), view.monitors.len()));
            }
            viewers.history.borrow_mut().add(&view);
            match views.try_recv() {
                Ok(later) => view = later,
                Err(_) => break,
            }
        }
        viewers.shown.send_replace(Some(Shown::new(view, false)));
        sleep(PACE).await;
    }
    let last = viewers.shown.borrow().as_ref().map(|shown| Arc::clone(&shown.view));
    if let Some(view) = last {
        viewers.shown.send_replace(Some(Shown::new(view, true)));
    }
}

fn events(viewers: &Rc<Viewers>) -> Answer {
    let Some(place) = viewers.enter() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "too many viewers; try again later");
    };
    let (to, body) = Channel::new(1);
    tokio::task::spawn_local(place.watch(to));
    let mut answer = Response::new(Either::Right(body));
    head(&mut answer, "text/event-stream");
    answer
}

fn metrics_of(viewers: &Rc<Viewers>) -> Answer {
    let shown = viewers.shown.borrow().clone();
    match shown {
        Some(shown) => of(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            metrics(&shown.view).into(),
        ),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "the run has not started"),
    }
}

fn text(status: StatusCode, words: &str) -> Answer {
    of(status, "text/plain; charset=utf-8", format!("{words}\n").into())
}

fn of(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    head(&mut answer, kind);
    answer
}

/// The headers of every response: its type, and that it must not be cached or passed on as a
/// referrer.
fn head(answer: &mut Answer, kind: &'static str) {
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

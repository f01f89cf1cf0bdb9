//! Turns views into the events that each viewer of the page gets, at its own pace.

use super::super::view::{RunOutline, View};
use super::history::History;
use bytes::Bytes;
use http_body_util::channel::Sender;
use serde::Serialize;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Viewers at the same time at most.
pub(super) const MOST: usize = 64;

/// A viewer that hears nothing for so long gets a comment, so that it shows whether it is there.
const ALIVE: Duration = Duration::from_secs(10);

/// The latest message for every viewer.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) view: Arc<View>,
    /// Its event, made when the first viewer asks for it.
    event: OnceCell<Bytes>,
    /// No later view follows.
    is_last: bool,
}

impl Shown {
    pub(super) fn new(view: Arc<View>, is_last: bool) -> Rc<Self> {
        Rc::new(Self { view, event: OnceCell::new(), is_last })
    }

    fn event(&self) -> Bytes {
        self.event.get_or_init(|| event("view", &*self.view)).clone()
    }
}

/// The state that viewers share.
#[derive(Debug)]
pub(super) struct Viewers {
    pub(super) shown: watch::Sender<Option<Rc<Shown>>>,
    pub(super) history: RefCell<History>,
    count: RefCell<usize>,
}

/// The slot of one viewer, freed when it is dropped.
#[derive(Debug)]
pub(super) struct ViewerSlot(Rc<Viewers>);

impl Drop for ViewerSlot {
    fn drop(&mut self) {
        *self.0.count.borrow_mut() -= 1;
    }
}

impl Viewers {
    pub(super) fn new() -> Rc<Self> {
        let (shown, _) = watch::channel(None);
        Rc::new(Self { shown, history: RefCell::default(), count: RefCell::new(0) })
    }

    /// A place for one more; `None` where there are too many.
    pub(super) fn enter(self: &Rc<Self>) -> Option<ViewerSlot> {
        let mut count = self.count.borrow_mut();
        let fits = *count < MOST;
        *count += usize::from(fits);
        fits.then(|| ViewerSlot(Rc::clone(self)))
    }

    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }
}

impl ViewerSlot {
    /// Sends views until the last one, as long as the viewer reads.
    pub(super) async fn watch(self, mut to: Sender<Bytes>) {
        let mut shown = self.0.shown.subscribe();
        let mut known: Option<Arc<RunOutline>> = None;
        loop {
            let now = shown.borrow_and_update().clone();
            if let Some(now) = &now {
                if known.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &now.view.outline)) {
                    known = Some(Arc::clone(&now.view.outline));
                    let outline = event("outline", &*now.view.outline);
                    let history = event("history", &*self.0.history.borrow());
                    if to.send_data(outline).await.is_err() || to.send_data(history).await.is_err()
                    {
                        return;
                    }
                }
                if to.send_data(now.event()).await.is_err() {
                    return;
                }
                if now.is_last {
                    let _ = to.send_data(Bytes::from_static(b"event: end\ndata: {}\n\n")).await;
                    return;
                }
            }
            loop {
                match tokio::time::timeout(ALIVE, shown.changed()).await {
                    Ok(Ok(())) => break,
                    Ok(Err(_)) => return,
                    Err(_) => {
                        if to.send_data(Bytes::from_static(b":\n\n")).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// One event of a stream: JSON has no line break outside its strings, and escapes those inside.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_for_others_when_they_have_gone() {
        let viewers = Viewers::new();
        let mut places: Vec<ViewerSlot> = (0..MOST).map(|_| viewers.enter().unwrap()).collect();
        assert!(viewers.enter().is_none());
        assert_eq!(viewers.count(), MOST);
        places.pop();
        assert!(viewers.enter().is_some());
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let text = event("x", &serde_json::json!({ "a": "1\n\r\u{2028}2" }));
        assert_eq!(text, "event: x\ndata: {\"a\":\"1\\n\\r\u{2028}2\"}\n\n");
    }
}

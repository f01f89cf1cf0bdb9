//! Turns the events of a run into views, and passes them to the renderers.
//!
//! **Invariant:** sums are read from the coordinator's recording; on the coordinator's thread
//! figures are only copied, and nothing waits.

use super::ProgressMode;
use super::lines;
use super::notification::{Notification, Notifier};
use super::output::Output;
use super::page::LivePage;
use super::state::RunState;
use super::text::TextStyle;
use super::view::{LogMessage, View};
use crate::engine::{Event, Subscriber};
use crate::plan::Plan;
use crate::record::Recording;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// Shows a run to those who look at it. Dropping it shows no more.
#[derive(Debug)]
pub(crate) struct Observer {
    follower: Follower,
    output: Option<Output>,
    page: Option<UnboundedSender<Arc<View>>>,
}

impl Observer {
    /// Shows a run on standard error in the given form; `Auto` must have been resolved. `folder` is
    /// where the results go.
    pub(crate) fn new(
        plan: &Plan,
        progress: ProgressMode,
        folder: &Path,
        style: TextStyle,
    ) -> Self {
        let follower = Follower::new(plan, folder.display().to_string());
        let size = || console::Term::stderr().size();
        Self::on(Box::new(std::io::stderr()), size, follower, progress, style)
    }

    /// Shows it on a page, too.
    #[must_use]
    pub(crate) fn with_page(mut self, page: Option<&LivePage>) -> Self {
        if let Some(page) = page {
            self.page = Some(page.views());
            self.follower.state.set_page(page.url());
        }
        self
    }

    /// The same on any writer.
    pub(super) fn on(
        out: Box<dyn Write + Send>,
        size: fn() -> (u16, u16),
        follower: Follower,
        progress: ProgressMode,
        style: TextStyle,
    ) -> Self {
        Self { follower, output: Output::on(out, size, progress, style), page: None }
    }

    /// Waits until everything is written and the moving lines are gone, unless nobody reads.
    pub(crate) fn finish(self) {
        if let Some(output) = self.output {
            output.finish();
        }
    }
}

impl Subscriber for Observer {
    fn notify(&mut self, event: &Event, facts: &Recording) {
        if self.output.is_none() && self.page.is_none() {
            return;
        }
        let (view, news) = self.follower.follow(event, facts);
        if let Some(page) = &self.page {
            // Its thread ends before the run only if it has failed; the run continues.
            let _ = page.send(Arc::clone(&view));
        }
        if let Some(output) = &self.output {
            output.show(&view, news);
        }
    }
}

/// Follows a run event by event.
#[derive(Debug)]
pub(super) struct Follower {
    state: RunState,
    notifier: Notifier,
}

impl Follower {
    pub(super) fn new(plan: &Plan, folder: String) -> Self {
        Self { state: RunState::new(plan, folder), notifier: Notifier::default() }
    }

    /// Handles an event: passes on the view after it and what is new.
    pub(super) fn follow(
        &mut self,
        event: &Event,
        facts: &Recording,
    ) -> (Arc<View>, Vec<Notification>) {
        let news = self.notifier.hear(&mut self.state, event, facts);
        let mut view = self.state.view();
        let at_ns = view.now_ns;
        let message = |(kind, text)| LogMessage { at_ns, kind, text };
        let messages = news.iter().flat_map(|one| lines::words(&view, one)).map(message).collect();
        view.log = self.state.log(messages);
        (Arc::new(view), news)
    }
}

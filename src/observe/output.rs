//! Turns views into writing on standard error, without ever keeping the run waiting.
//!
//! One thread takes views and renders them; it waits only for views. Another writes, and may be
//! held up by a terminal or a reader for any time.
//!
//! **Invariant:** a slow, blocked or closed standard error costs the run nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "frames are drawn at a pace, and lines show the time since the start"
)]

use super::ProgressMode;
use super::json::JsonFormat;
use super::lines::{LineFormat, OutputLine};
use super::notification::Notification;
use super::queue::{OutputQueue, OutputWriter};
use super::terminal::{Canvas, PermanentLines, Size, Terminal, frame};
use super::text::TextStyle;
use super::view::View;
use crate::units::SECOND_NS;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// How long the end of a run waits for a reader that reads nothing.
const READS_WITHIN: Duration = Duration::from_secs(2);

/// The content shown next: the current view, and notifications.
type Update = (Arc<View>, Vec<Notification>);

/// Shows views on a writer. Dropping it shows no more.
#[derive(Debug)]
pub(super) struct Output {
    updates: Sender<Update>,
    written: Receiver<()>,
    queue: Arc<OutputQueue>,
}

impl Output {
    /// Shows views in the given form; `None` if nothing is shown, or if no thread can be started:
    /// the run continues without.
    pub(super) fn on(
        out: Box<dyn Write + Send>,
        size: fn() -> (u16, u16),
        progress: ProgressMode,
        look: TextStyle,
    ) -> Option<Self> {
        let form = match progress {
            ProgressMode::None => return None,
            ProgressMode::Bar => Form::Bar(PermanentLines::new(look)),
            ProgressMode::Json => Form::Json,
            ProgressMode::Lines | ProgressMode::Auto => Form::Lines(LineFormat::new(look)),
        };
        let writer = match form {
            Form::Bar(_) => OutputWriter::Terminal(Terminal::new(Canvas::new(out, size))),
            Form::Lines(_) | Form::Json => OutputWriter::Plain(out),
        };
        let queue = Arc::new(OutputQueue::default());
        let (updates, heard) = mpsc::channel();
        let (done, written) = mpsc::channel();
        let renderer = Renderer { form, look, size, queue: Arc::clone(&queue), current: None };
        let writing_queue = Arc::clone(&queue);
        thread::Builder::new()
            .name("observe-render".into())
            .spawn(move || renderer.listen(&heard))
            .ok()?;
        thread::Builder::new()
            .name("observe-write".into())
            .spawn(move || {
                writing_queue.write(writer);
                let _ = done.send(());
            })
            .ok()?;
        Some(Self { updates, written, queue })
    }

    /// Shows what is new, and the current view.
    pub(super) fn show(&self, view: &Arc<View>, news: Vec<Notification>) {
        // The other end closes only if a thread has died; then nothing can be shown.
        let _ = self.updates.send((Arc::clone(view), news));
    }

    /// Waits until everything is written and the moving lines are gone, unless nobody reads.
    pub(super) fn finish(self) {
        let Self { updates, written, queue } = self;
        drop(updates);
        let mut before = queue.written();
        while written.recv_timeout(READS_WITHIN) == Err(RecvTimeoutError::Timeout) {
            let now = queue.written();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

#[derive(Debug)]
enum Form {
    Bar(PermanentLines),
    Lines(LineFormat),
    Json,
}

impl Form {
    /// Reports that lines were lost, because nobody read them.
    fn lost(&self, now_ns: u64, lines: u64) -> String {
        match self {
            Self::Json => JsonFormat::lost(now_ns, lines),
            Self::Bar(_) | Self::Lines(_) => LineFormat::lost(now_ns, lines),
        }
    }
}

/// Words views.
struct Renderer {
    form: Form,
    look: TextStyle,
    size: fn() -> (u16, u16),
    queue: Arc<OutputQueue>,
    current: Option<Current>,
}

/// The run as it is now.
struct Current {
    view: Arc<View>,
    /// When the run's clock started, by this side's.
    started: Instant,
}

impl Renderer {
    fn listen(mut self, updates: &Receiver<Update>) {
        let mut next = Instant::now();
        loop {
            let wait = next.saturating_duration_since(Instant::now());
            let update = match &self.form {
                Form::Bar(_) => updates.recv_timeout(wait),
                Form::Lines(_) | Form::Json => {
                    updates.recv().map_err(|_| RecvTimeoutError::Disconnected)
                }
            };
            match update {
                Ok((view, news)) => self.take(view, &news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if next <= Instant::now() {
                self.draw();
                next = Instant::now() + FRAME;
            }
        }
        let now_ns = self.current.as_ref().map_or(0, |current| current.view.now_ns);
        let form = &self.form;
        self.queue.change(|pending| {
            pending.tell_lost(|lost| form.lost(now_ns, lost));
            pending.closed = true;
        });
    }

    fn take(&mut self, view: Arc<View>, news: &[Notification]) {
        let started = match &self.current {
            Some(current) => current.started,
            None => Instant::now(),
        };
        let is_first = self.current.is_none();
        self.current = Some(Current { view, started });
        if is_first {
            self.draw();
        }
        for one in news {
            self.tell(one);
        }
    }

    fn tell(&mut self, news: &Notification) {
        let Some(Current { view, .. }) = &self.current else { return };
        let now_ns = view.now_ns;
        let said = match &mut self.form {
            Form::Bar(bar) => {
                let lines = bar.tell(view, now_ns, usize::from((self.size)().1), news);
                lines.into_iter().map(|text| OutputLine { text, beat: false }).collect()
            }
            Form::Lines(lines) => lines.tell(view, now_ns, news),
            Form::Json => vec![JsonFormat::tell(view, now_ns, news)],
        };
        let form = &self.form;
        if !said.is_empty() {
            self.queue.change(|pending| {
                for line in said {
                    pending.put(line, |lost| form.lost(now_ns, lost));
                }
            });
        }
    }

    /// Puts a fresh frame in place of the last.
    fn draw(&mut self) {
        let (Form::Bar(_), Some(Current { view, started })) = (&self.form, &self.current) else {
            return;
        };
        let clock = started.elapsed();
        let now_ns = clock.as_secs() * SECOND_NS + u64::from(clock.subsec_nanos());
        let (height, width) = (self.size)();
        let size = Size { height: usize::from(height), width: usize::from(width) };
        let lines = frame(view, now_ns.max(view.now_ns), size, self.look);
        let text: Vec<String> =
            lines.iter().map(|line| line.render(size.width, self.look)).collect();
        self.queue.change(|pending| pending.frame = Some(text.join("\n")));
    }
}
